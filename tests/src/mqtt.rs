//! A device of our own, for what real clients do not show: every packet that comes, and how a connection ends.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use landfall_model::{ClientId, TopicFilter, TopicName};
use landfall_mqtt::{Client, ClientEvent, ClientOptions, PacketId, ProtocolVersion, QoS, ReasonCode};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

use crate::certificate::DeviceCertificate;
use crate::landfall::Landfall;
use crate::process::{DEADLINE, now};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// How a device connects.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The version of TLS.
    pub tls: Tls,
    /// The version of MQTT.
    pub version: ProtocolVersion,
    /// The keep-alive to ask for, in seconds.
    pub keep_alive: u16,
}

/// How the server ended a connection before it let the client in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By a TLS alert.
    Alert(AlertDescription),
    /// By closing it without a CONNACK.
    Closed,
    /// By a reset of the TCP connection.
    Reset,
    /// By a CONNACK with this reason.
    Connack(ReasonCode),
}

/// What came over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A packet, or what the client's core made of several.
    Event(ClientEvent),
    /// The end: the server closed the connection.
    Closed,
    /// The end: the TCP connection was reset.
    Reset,
    /// The end: a TLS alert.
    Alert(AlertDescription),
    /// Nothing, as long as [`Wire::patience`] lasted.
    Nothing,
}

/// A device as TLS knows it, which remembers its sessions.
pub struct Identity(Arc<ClientConfig>);

/// A TLS connection of a device, complete with its handshake.
pub struct Wire {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

/// A device that the server has let in.
pub struct Device {
    wire: Wire,
    client: Client,
    inbox: BytesMut,
}

impl Default for Connect {
    fn default() -> Self {
        Self { tls: Tls::V13, version: ProtocolVersion::V311, keep_alive: 60 }
    }
}

impl Connect {
    /// With MQTT 5.
    pub fn v5() -> Self {
        Self { version: ProtocolVersion::V5, ..Self::default() }
    }
}

/// The alert by which the server ends the handshake of a device.
#[track_caller]
pub fn alert(server: &Landfall, certificate: &DeviceCertificate, tls: Tls) -> AlertDescription {
    let ended = match Wire::open(server, certificate, tls) {
        // In TLS 1.3 the client is done before the server has looked at the client's certificate.
        Ok(mut wire) => wire.read(&mut [0; 64]).expect_err("nothing is said before a CONNECT"),
        Err(came) => came,
    };
    let Came::Alert(alert) = ended else {
        panic!("the server must end the handshake by an alert: {ended:?}");
    };
    alert
}

impl Identity {
    /// The device of a certificate.
    #[track_caller]
    pub fn new(server: &Landfall, certificate: &DeviceCertificate, tls: Tls) -> Self {
        Self(config(&server.server_ca(), certificate, tls))
    }

    /// Connects and shakes hands, resuming the last session if there is one.
    ///
    /// # Errors
    /// The handshake was not completed.
    #[track_caller]
    pub fn open(&self, server: &Landfall) -> Result<Wire, Came> {
        let stream = tcp(server.mqtt());
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.0), name).expect("a client");
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| ended(&error))?;
        }
        Ok(Wire { stream })
    }
}

impl Wire {
    /// Connects and shakes hands, with the device's certificate.
    ///
    /// # Errors
    /// The handshake was not completed.
    #[track_caller]
    pub fn open(server: &Landfall, certificate: &DeviceCertificate, tls: Tls) -> Result<Self, Came> {
        Identity::new(server, certificate, tls).open(server)
    }

    /// Whether the handshake resumed an earlier session, in which no certificate is presented.
    pub fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// How long a read waits.
    pub fn patience(&mut self, patience: Duration) {
        self.stream.sock.set_read_timeout(Some(patience)).expect("a socket takes a timeout");
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// The server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush())
    }

    /// Reads some bytes.
    ///
    /// # Errors
    /// The connection has ended, or nothing came.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Came> {
        match self.stream.read(buffer) {
            Ok(0) => Err(Came::Closed),
            Ok(read) => Ok(read),
            Err(error) => Err(ended(&error)),
        }
    }

    /// Reads until the connection ends: what came before, and how it ended.
    pub fn read_to_end(&mut self) -> (Vec<u8>, Came) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.read(&mut buffer) {
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                Err(came) => return (bytes, came),
            }
        }
    }

    /// Sends CONNECT and waits for its answer; without a client id, the server has to assign one.
    ///
    /// # Errors
    /// The server refuses the device.
    #[track_caller]
    pub fn into_device(self, client_id: Option<&str>, connect: &Connect) -> Result<Device, Refused> {
        let client_id = client_id.map(|client_id| ClientId::parse(client_id).expect("a client id"));
        let options = ClientOptions {
            keep_alive_seconds: connect.keep_alive,
            ..ClientOptions::new(connect.version, client_id)
        };
        let client = Client::new(&options).expect("a client");
        let mut device = Device { wire: self, client, inbox: BytesMut::new() };
        match device.next() {
            Came::Event(ClientEvent::Connected { .. }) => Ok(device),
            Came::Event(ClientEvent::Refused { reason, .. }) => Err(Refused::Connack(reason)),
            Came::Closed => Err(Refused::Closed),
            Came::Reset => Err(Refused::Reset),
            Came::Alert(alert) => Err(Refused::Alert(alert)),
            other @ (Came::Nothing | Came::Event(_)) => panic!("no CONNACK but {other:?}"),
        }
    }
}

impl Device {
    /// Connects with MQTT 3.1.1 over TLS 1.3.
    ///
    /// # Errors
    /// The server refuses the device.
    #[track_caller]
    pub fn connect(
        server: &Landfall,
        certificate: &DeviceCertificate,
        client_id: &str,
    ) -> Result<Self, Refused> {
        Self::connect_with(server, certificate, client_id, &Connect::default())
    }

    /// Connects.
    ///
    /// # Errors
    /// The server refuses the device.
    #[track_caller]
    pub fn connect_with(
        server: &Landfall,
        certificate: &DeviceCertificate,
        client_id: &str,
        connect: &Connect,
    ) -> Result<Self, Refused> {
        Self::open(server, certificate, Some(client_id), connect)
    }

    /// Connects without a client id.
    ///
    /// # Errors
    /// The server refuses the device.
    #[track_caller]
    pub fn connect_anonymously(
        server: &Landfall,
        certificate: &DeviceCertificate,
        connect: &Connect,
    ) -> Result<Self, Refused> {
        Self::open(server, certificate, None, connect)
    }

    /// How long [`Self::next`] waits.
    pub fn patience(&mut self, patience: Duration) {
        self.wire.patience(patience);
    }

    /// The next thing that comes.
    #[expect(
        clippy::should_implement_trait,
        reason = "a connection is no iterator: it goes on after nothing came"
    )]
    pub fn next(&mut self) -> Came {
        loop {
            if let Some(event) = self.client.poll_event() {
                return Came::Event(event);
            }
            self.flush();
            let mut buffer = [0; 4096];
            match self.wire.read(&mut buffer) {
                Ok(read) => {
                    self.inbox.extend_from_slice(&buffer[..read]);
                    self.client.handle_bytes(&mut self.inbox, now());
                    // What has to be acknowledged is acknowledged before it is told.
                    self.flush();
                }
                Err(came) => return came,
            }
        }
    }

    /// Subscribes, and gives the answer to the one filter.
    #[track_caller]
    pub fn subscribe(&mut self, filter: &str, qos: QoS) -> ReasonCode {
        let filter = TopicFilter::parse(filter).expect("a topic filter");
        let sent = self.client.subscribe(&[(filter, qos)], now()).expect("a client that is connected");
        let came = self.next();
        let Came::Event(ClientEvent::SubAck { packet_id, codes, .. }) = &came else {
            panic!("no SUBACK but {came:?}");
        };
        assert_eq!(*packet_id, sent);
        codes[0]
    }

    /// Gives up a subscription, and waits for the answer.
    #[track_caller]
    pub fn unsubscribe(&mut self, filter: &str) {
        let filter = TopicFilter::parse(filter).expect("a topic filter");
        let sent = self.client.unsubscribe(&[filter], now()).expect("a client that is connected");
        let came = self.next();
        let Came::Event(ClientEvent::UnsubAck { packet_id, .. }) = &came else {
            panic!("no UNSUBACK but {came:?}");
        };
        assert_eq!(*packet_id, sent);
    }

    /// Publishes with quality of service 0.
    pub fn publish(&mut self, topic: &str, payload: &str) {
        self.send(topic, payload, QoS::AtMostOnce);
    }

    /// Publishes with quality of service 1, and does not wait for the PUBACK.
    pub fn publish_qos1(&mut self, topic: &str, payload: &str) -> PacketId {
        self.send(topic, payload, QoS::AtLeastOnce).expect("QoS 1 has packet identifiers")
    }

    /// Takes the next thing, which must be the PUBACK of this packet, and gives its reason.
    #[track_caller]
    pub fn puback(&mut self, sent: PacketId) -> ReasonCode {
        let came = self.next();
        let Came::Event(ClientEvent::PubAck { packet_id, reason, .. }) = came else {
            panic!("no PUBACK but {came:?}");
        };
        assert_eq!(packet_id, sent);
        reason
    }

    /// Takes the next thing, which must be a message, and gives its topic, payload and quality of service.
    #[track_caller]
    pub fn message(&mut self) -> (String, String, QoS) {
        let came = self.next();
        let Came::Event(ClientEvent::Message(message)) = came else {
            panic!("no message but {came:?}");
        };
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        (message.topic.as_str().to_owned(), payload, message.qos)
    }

    /// Sends PINGREQ, and waits for nothing.
    pub fn ping(&mut self) {
        self.wire.send(&[0xC0, 0]).expect("a connection that is open");
    }

    /// The connection below, to send what no client would.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Leaves, and waits until the server has closed the connection too.
    #[track_caller]
    pub fn leave(mut self) {
        self.client.disconnect();
        self.flush();
        assert_eq!(self.wire.read(&mut [0; 64]), Err(Came::Closed));
    }

    #[track_caller]
    fn open(
        server: &Landfall,
        certificate: &DeviceCertificate,
        client_id: Option<&str>,
        connect: &Connect,
    ) -> Result<Self, Refused> {
        match Wire::open(server, certificate, connect.tls) {
            Ok(wire) => wire.into_device(client_id, connect),
            Err(Came::Alert(alert)) => Err(Refused::Alert(alert)),
            Err(other) => panic!("the handshake ended by {other:?}"),
        }
    }

    fn send(&mut self, topic: &str, payload: &str, qos: QoS) -> Option<PacketId> {
        let topic = TopicName::parse(topic).expect("a topic name");
        let sent = self.client.publish(&topic, Bytes::copy_from_slice(payload.as_bytes()), qos, now());
        let packet_id = sent.expect("a client that is connected");
        self.flush();
        packet_id
    }

    fn flush(&mut self) {
        while let Some(bytes) = self.client.poll_transmit() {
            // That the server is gone is found by the next read.
            let _ = self.wire.send(&bytes);
        }
    }
}

fn ended(error: &io::Error) -> Came {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => return Came::Alert(*alert),
        Some(other) => panic!("TLS: {other}"),
        None => {}
    }
    let kind = error.kind();
    if kind == ErrorKind::UnexpectedEof {
        Came::Closed
    } else if kind == ErrorKind::ConnectionReset || kind == ErrorKind::BrokenPipe {
        Came::Reset
    } else if kind == ErrorKind::WouldBlock || kind == ErrorKind::TimedOut {
        Came::Nothing
    } else {
        panic!("{error}")
    }
}

fn config(server_ca: &Path, certificate: &DeviceCertificate, tls: Tls) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(server_ca) {
        roots.add(certificate).expect("the server's CA certificate");
    }
    let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("the device's key");
    let key =
        aws_lc_rs::default_provider().key_provider.load_private_key(key).expect("a key of a known kind");
    // With `with_client_auth_cert`, rustls would refuse certificates of version 1.
    let presented = Arc::new(Presented(Arc::new(CertifiedKey::new(certificates(&certificate.chain), key))));
    let versions: &[&SupportedProtocolVersion] = match tls {
        Tls::V12 => &[&TLS12],
        Tls::V13 => &[&TLS13],
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_protocol_versions(versions).expect("a version that is built in");
    Arc::new(config.with_root_certificates(roots).with_client_cert_resolver(presented))
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let file = File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    CertificateDer::pem_reader_iter(BufReader::new(file))
        .map(|read| read.expect("a certificate in PEM"))
        .collect()
}

/// Always the same certificate, whatever the server asks for.
#[derive(Debug)]
struct Presented(Arc<CertifiedKey>);

impl ResolvesClientCert for Presented {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Where a server under test listens, for connections that are no TLS.
#[track_caller]
pub fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket takes a timeout");
    stream
}
