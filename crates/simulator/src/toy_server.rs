//! A small MQTT server for tests, in memory or by TLS: what it answers is each test's choice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use landfall_model::{ClientId, TopicName, UnixTime};
use landfall_mqtt::{
    ConnectRefusal, DisconnectCause, ProtocolVersion, PubAckReason, ReasonCode, Session, SessionEvent,
    SessionLimits,
};
use landfall_pki::{
    DeviceVerifier, Issuer, KeyKind, KeyPair, ServerRequest, ServerTls, Subject, TrustAnchors,
    validity_of_days,
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::dial::Dial;
use crate::{AttemptFailure, Device, Endpoint};

/// What the server does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Lets the device in and acknowledges its message.
    Accept,
    /// Closes the connection when CONNECT has come.
    Drop,
    /// Refuses the CONNECT.
    Refuse(ConnectRefusal, Option<&'static str>),
    /// Never answers CONNECT.
    Silence,
    /// Lets the device in, and does that with its message.
    AcceptBut(WithMessage),
    /// There is no connection at all.
    Unreachable(AttemptFailure),
}

#[derive(Clone, Debug)]
pub(crate) enum WithMessage {
    Drop,
    Refuse(PubAckReason),
    Silence,
}

/// What the server saw of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// When each connection came.
    pub(crate) connections: Vec<Instant>,
    pub(crate) topics: Vec<TopicName>,
    pub(crate) versions: Vec<ProtocolVersion>,
    /// How often it said DISCONNECT.
    pub(crate) farewells: usize,
}

type Choose = dyn Fn(&ClientId, usize) -> Answer + Send + Sync;

/// The part that all connections share.
pub(crate) struct Toy {
    /// Answers the connection of a device, counted from 1.
    choose: Box<Choose>,
    seen: Mutex<HashMap<ClientId, Seen>>,
    /// Ends the connections of devices that are in.
    pub(crate) revoke: Notify,
    said_farewell: Notify,
    /// The connections in memory; they outlast the fleet, which does not wait until its farewells are read.
    in_memory: Mutex<JoinSet<()>>,
}

impl Toy {
    pub(crate) fn new(choose: impl Fn(&ClientId, usize) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            choose: Box::new(choose),
            seen: Mutex::default(),
            revoke: Notify::new(),
            said_farewell: Notify::new(),
            in_memory: Mutex::default(),
        })
    }

    pub(crate) fn seen(&self) -> HashMap<ClientId, Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What was seen, once so many devices have said DISCONNECT: a fleet does not wait until its server has read that.
    pub(crate) async fn seen_after_farewells(&self, farewells: usize) -> HashMap<ClientId, Seen> {
        let all_said = async {
            loop {
                let next = self.said_farewell.notified();
                let seen = self.seen();
                if seen.values().map(|seen| seen.farewells).sum::<usize>() >= farewells {
                    return seen;
                }
                next.await;
            }
        };
        timeout(Duration::from_secs(10), all_said).await.expect("the devices say DISCONNECT")
    }

    fn note(&self, client_id: &ClientId, note: impl FnOnce(&mut Seen)) {
        note(self.seen.lock().unwrap().entry(client_id.clone()).or_default());
    }

    /// Chooses the answer to a device's next connection.
    fn answer(&self, client_id: &ClientId) -> Answer {
        self.note(client_id, |seen| seen.connections.push(Instant::now()));
        let number = self.seen.lock().unwrap()[client_id].connections.len();
        (self.choose)(client_id, number)
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        let mut visit = Visit { toy: self, client_id: None, on_message: None };
        let mut session = Session::new(SessionLimits::default(), now());
        let mut inbox = BytesMut::new();
        loop {
            session.handle_bytes(&mut inbox, now());
            while let Some(event) = session.poll_event() {
                visit.handle(event, &mut session);
                session.handle_bytes(&mut inbox, now());
            }
            while let Some(bytes) = session.poll_transmit(now()) {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            let flushed = stream.flush().await;
            if session.is_closed() || flushed.is_err() {
                stream.shutdown().await.ok();
                return;
            }
            tokio::select! {
                read = stream.read_buf(&mut inbox) => if !matches!(read, Ok(1..)) { return },
                () = self.revoke.notified(), if session.is_connected() => session.close_silently(),
            }
        }
    }
}

struct Visit<'a> {
    toy: &'a Toy,
    client_id: Option<ClientId>,
    on_message: Option<WithMessage>,
}

impl Visit<'_> {
    fn handle(&mut self, event: SessionEvent, session: &mut Session) {
        match event {
            SessionEvent::Connect(request) => {
                let client_id = request.client_id.expect("devices name themselves");
                let answer = self.toy.answer(&client_id);
                self.toy.note(&client_id, |seen| seen.versions.push(request.version));
                self.client_id = Some(client_id);
                match answer {
                    Answer::Accept => session.accept(None, now()),
                    Answer::AcceptBut(with_message) => {
                        self.on_message = Some(with_message);
                        session.accept(None, now());
                    }
                    Answer::Drop | Answer::Unreachable(_) => session.close_silently(),
                    Answer::Refuse(refusal, words) => session.refuse(refusal, words),
                    Answer::Silence => {}
                }
            }
            SessionEvent::Publish { message, packet_id, retain: _ } => {
                self.note(|seen| seen.topics.push(message.topic));
                let packet_id = packet_id.expect("devices publish with quality of service 1");
                match &self.on_message {
                    None => session.publish_ack(packet_id, PubAckReason::Success, None),
                    Some(WithMessage::Refuse(reason)) => session.publish_ack(packet_id, *reason, None),
                    Some(WithMessage::Drop) => session.close_silently(),
                    Some(WithMessage::Silence) => {}
                }
            }
            SessionEvent::Disconnected(cause) => {
                assert_eq!(cause, DisconnectCause::Client { reason: ReasonCode::Success });
                self.note(|seen| seen.farewells += 1);
                self.toy.said_farewell.notify_one();
            }
            other @ (SessionEvent::Subscribe { .. } | SessionEvent::Unsubscribe { .. }) => {
                panic!("devices do not subscribe: {other:?}")
            }
        }
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        if let Some(client_id) = &self.client_id {
            self.toy.note(client_id, note);
        }
    }
}

/// Connects devices with a toy server in memory, after a while.
pub(crate) struct MemoryDial {
    pub(crate) toy: Arc<Toy>,
    pub(crate) latency: Duration,
    /// How many are being connected now, and the most that were at once.
    pub(crate) dialling: Arc<Mutex<(usize, usize)>>,
}

impl MemoryDial {
    pub(crate) fn new(toy: &Arc<Toy>) -> Self {
        Self { toy: Arc::clone(toy), latency: Duration::ZERO, dialling: Arc::default() }
    }
}

impl Dial for MemoryDial {
    type Stream = DuplexStream;

    async fn dial(&self, device: &Device) -> Result<Self::Stream, AttemptFailure> {
        {
            let mut dialling = self.dialling.lock().unwrap();
            dialling.0 += 1;
            dialling.1 = dialling.1.max(dialling.0);
        }
        sleep(self.latency).await;
        self.dialling.lock().unwrap().0 -= 1;
        // What is unreachable sees no CONNECT, so it is asked here, by a number that counts no connections.
        if let Answer::Unreachable(failure) = (self.toy.choose)(device.client_id(), 0) {
            self.toy.note(device.client_id(), |seen| seen.connections.push(Instant::now()));
            return Err(failure);
        }
        let (near, far) = tokio::io::duplex(4_096);
        let toy = Arc::clone(&self.toy);
        self.toy.in_memory.lock().unwrap().spawn(async move { toy.converse(far).await });
        Ok(near)
    }
}

/// A toy server behind TLS.
pub(crate) struct TlsToy {
    pub(crate) toy: Arc<Toy>,
    pub(crate) address: SocketAddr,
    /// Signed the server's certificate.
    pub(crate) trust_pem: Vec<u8>,
    tls: Arc<ServerTls>,
    anchors: TrustAnchors,
    tasks: JoinSet<()>,
}

impl TlsToy {
    /// Listens on a free port of this machine, and lets in what these CA certificates signed.
    pub(crate) async fn start(toy: Arc<Toy>, anchors: TrustAnchors) -> Self {
        let issuer = issuer("server CA");
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        let certificate = issuer
            .sign_server(&ServerRequest {
                subject: &Subject::common_name("localhost").unwrap(),
                public_key: key.public_key(),
                validity: validity_of_days(today(), 1),
                names: &names,
            })
            .unwrap();
        let chain = vec![CertificateDer::from(certificate.der().as_bytes().to_vec())];
        let tls = Arc::new(ServerTls::new(chain, key.to_private_key_der().unwrap()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let trust_pem = issuer.certificate().to_pem().into_bytes();
        let mut server = Self { toy, address, trust_pem, tls, anchors, tasks: JoinSet::new() };
        server.listen(listener);
        server
    }

    /// Ends every connection at once, and listens again.
    pub(crate) async fn restart(&mut self) {
        self.tasks.shutdown().await;
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listen(listener);
    }

    fn listen(&mut self, listener: TcpListener) {
        let (toy, tls) = (Arc::clone(&self.toy), Arc::clone(&self.tls));
        self.tasks.spawn(accept(listener, toy, tls, self.anchors.clone()));
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(ServerName::try_from("localhost").unwrap(), self.address.port())
    }
}

async fn accept(listener: TcpListener, toy: Arc<Toy>, tls: Arc<ServerTls>, anchors: TrustAnchors) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (toy, tls, anchors) = (Arc::clone(&toy), Arc::clone(&tls), anchors.clone());
        connections.spawn(async move {
            let config = tls.config(Arc::new(DeviceVerifier::new(anchors))).unwrap();
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                toy.converse(stream).await;
            }
        });
    }
}

/// A new root CA.
pub(crate) fn issuer(name: &str) -> Arc<Issuer> {
    let subject = Subject::common_name(name).unwrap();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    Arc::new(Issuer::self_signed(&subject, key, validity_of_days(today(), 30)).unwrap())
}

/// The time of this machine, which TLS asks for too.
pub(crate) fn today() -> UnixTime {
    let seconds = rustls_pki_types::UnixTime::now().as_secs();
    UnixTime::from_secs(i64::try_from(seconds).unwrap())
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
