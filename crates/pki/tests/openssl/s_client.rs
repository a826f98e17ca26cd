//! OpenSSL's own TLS client against our verifier, over a real socket.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use landfall_pki::{DeviceVerifier, TrustAnchors, VerifiedChain};
use rustls::ServerConnection;

use crate::fixtures::{DEVICE, Kind, Lab, P256, P384};
use crate::handshakes::Server;

/// Lets OpenSSL connect once; the chain is what our verifier made of it after a complete handshake.
fn meet(lab: &Lab, server: &Server, anchors: TrustAnchors, arguments: &[&str]) -> Option<VerifiedChain> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let verifier = Arc::new(DeviceVerifier::new(anchors));
    let mut connection = ServerConnection::new(server.tls.config(Arc::clone(&verifier)).unwrap()).unwrap();
    thread::scope(|scope| {
        let accepted = scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while connection.is_handshaking() {
                connection.complete_io(&mut stream).ok()?;
            }
            connection.writer().write_all(b"welcome\n").ok()?;
            connection.send_close_notify();
            while connection.wants_write() {
                connection.write_tls(&mut stream).ok()?;
            }
            stream.shutdown(std::net::Shutdown::Write).ok()?;
            stream.read_to_end(&mut Vec::new()).ok()
        });
        let connect = ["s_client", "-connect", &address, "-servername", "localhost", "-quiet"];
        let output = lab.try_openssl(&[&connect[..], arguments].concat());
        let complete = accepted.join().unwrap().is_some();
        assert_eq!(complete, String::from_utf8_lossy(&output.stdout).contains("welcome"), "{output:?}");
        complete.then(|| verifier.verified_chain().cloned())?
    })
}

#[test]
fn openssl_connects_with_both_versions_of_certificates() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    // In TLS 1.2 a scheme names no curve, so that P-384 may sign with SHA-256 and P-256 with SHA-384.
    let cases: [(Kind, &str, &[&str]); 7] = [
        (Kind::Rsa(2_048), "-tls1_2", &["-client_sigalgs", "RSA+SHA256"]),
        (Kind::Rsa(2_048), "-tls1_2", &[]),
        (Kind::Rsa(2_048), "-tls1_3", &[]),
        (P256, "-tls1_2", &["-client_sigalgs", "ECDSA+SHA384"]),
        (P256, "-tls1_3", &[]),
        (P384, "-tls1_2", &["-client_sigalgs", "ECDSA+SHA256"]),
        (P384, "-tls1_3", &[]),
    ];
    for (kind, version, options) in cases {
        for extensions in [None, Some(DEVICE)] {
            let device = lab.device("device", "ca", kind, extensions);
            let certificate = ["-cert", "device.pem", "-key", "device.key", version];
            let chain = meet(&lab, &server, lab.anchors(&["ca"]), &[&certificate[..], options].concat());
            assert_eq!(chain.map(|chain| chain.certificate_id()), Some(device.id()), "{kind:?} {version}");
        }
    }
}

#[test]
fn openssl_is_refused_without_a_certificate_of_ours() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    lab.ca("other", "/CN=root", P256, crate::fixtures::CA);
    lab.device("device", "other", P256, None);
    for version in ["-tls1_2", "-tls1_3"] {
        let certificate = ["-cert", "device.pem", "-key", "device.key", version];
        assert!(meet(&lab, &server, lab.anchors(&["ca"]), &certificate).is_none());
        assert!(meet(&lab, &server, lab.anchors(&["ca"]), &[version]).is_none());
    }
}
