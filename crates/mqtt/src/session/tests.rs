use std::time::Duration;

use landfall_model::{TopicFilter, TopicName};
use proptest::prelude::*;

use super::*;
use crate::client::{Client, ClientError, ClientEvent, ClientOptions};
use crate::packet::{
    Connect, PacketType, Publish, PublishProperties, PublishQoS, Subscribe, SubscriptionOptions,
};
use crate::violation::Violation;
use ProtocolVersion::{V5, V311};

/// Messages on their way, both ways.
mod delivery;
/// What holds for whatever a client sends.
mod properties;

/// The origin of virtual time: only differences from it count.
#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
fn start() -> Instant {
    Instant::now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn topic(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::parse(text).unwrap()
}

fn message(payload: &[u8], qos: QoS) -> Arc<Message> {
    Arc::new(Message::new(topic("t"), Bytes::copy_from_slice(payload), qos))
}

fn options(version: ProtocolVersion) -> ClientOptions {
    ClientOptions::new(version, Some(ClientId::parse("device").unwrap()))
}

fn encoded(version: ProtocolVersion, packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        crate::framing::encode(version, packet.clone(), &mut bytes).unwrap();
    }
    bytes
}

fn connect_packet(version: ProtocolVersion) -> Packet {
    Packet::Connect(Box::new(Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: "device".into(),
        will: None,
        user_name: None,
        session_expiry_interval: 0,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_problem_information: true,
        authentication_method: None,
    }))
}

fn publish_packet(qos: PublishQoS) -> Packet {
    Packet::Publish(Publish {
        duplicate: false,
        retain: false,
        qos,
        topic: topic("t"),
        payload: Bytes::from_static(b"payload"),
        message_expiry: None,
        properties: None,
    })
}

fn at_least_once(number: u16) -> PublishQoS {
    PublishQoS::AtLeastOnce(PacketId::new(number).unwrap())
}

/// Everything that a session has to send.
fn sent(session: &mut Session, now: Instant) -> Vec<u8> {
    std::iter::from_fn(|| session.poll_transmit(now)).flatten().collect()
}

fn events(session: &mut Session) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

/// A session that has accepted a client of that version, and what it announced.
fn connected(version: ProtocolVersion, limits: &SessionLimits, now: Instant) -> (Session, Vec<u8>) {
    let mut session = Session::new(limits.clone(), now);
    let mut buf = encoded(version, &[connect_packet(version)]);
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Blocked);
    assert!(matches!(session.poll_event(), Some(SessionEvent::Connect(_))));
    session.accept(None, now);
    let connack = sent(&mut session, now);
    (session, connack)
}

/// Client and server, joined in memory.
struct Pair {
    client: Client,
    server: Session,
    to_server: BytesMut,
    to_client: BytesMut,
    now: Instant,
    client_events: Vec<ClientEvent>,
    server_events: Vec<SessionEvent>,
}

impl Pair {
    fn new(options: &ClientOptions, limits: SessionLimits) -> Self {
        let now = start();
        Self {
            client: Client::new(options).unwrap(),
            server: Session::new(limits, now),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            now,
            client_events: Vec::new(),
            server_events: Vec::new(),
        }
    }

    /// A pair whose client was let in; the events of that are taken.
    fn connected(options: &ClientOptions, limits: SessionLimits) -> Self {
        let mut pair = Self::new(options, limits);
        pair.exchange();
        pair.server.accept(None, pair.now);
        pair.exchange();
        assert!(matches!(&pair.take_client_events()[..], [ClientEvent::Connected { .. }]));
        assert!(matches!(&pair.take_server_events()[..], [SessionEvent::Connect(_)]));
        pair
    }

    /// Carries bytes in both directions until none is left.
    fn exchange(&mut self) {
        loop {
            let mut is_quiet = true;
            while let Some(bytes) = self.client.poll_transmit() {
                self.to_server.extend_from_slice(&bytes);
                is_quiet = false;
            }
            while self.server.handle_bytes(&mut self.to_server, self.now) == Intake::NeedsPolling {
                self.server_events.extend(events(&mut self.server));
            }
            self.server_events.extend(events(&mut self.server));
            while let Some(bytes) = self.server.poll_transmit(self.now) {
                self.to_client.extend_from_slice(&bytes);
                is_quiet = false;
            }
            while self.client.handle_bytes(&mut self.to_client, self.now) {
                self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
            }
            self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
            if is_quiet {
                return;
            }
        }
    }

    /// Lets time pass, each end being told when its time comes.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let due = [self.client.poll_timeout(), self.server.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
    }

    fn take_client_events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.client_events)
    }

    fn take_server_events(&mut self) -> Vec<SessionEvent> {
        std::mem::take(&mut self.server_events)
    }
}

#[test]
fn a_client_is_let_in() {
    for version in [V311, V5] {
        let mut pair = Pair::new(&options(version), SessionLimits::default());
        pair.exchange();
        let request = ConnectRequest {
            version,
            client_id: Some(ClientId::parse("device").unwrap()),
            clean_start: true,
            keep_alive: seconds(60),
            user_name: None,
        };
        assert_eq!(pair.take_server_events(), [SessionEvent::Connect(request)]);
        assert!(!pair.server.is_connected() && !pair.client.is_connected());
        pair.server.accept(None, pair.now);
        pair.exchange();
        let connected = ClientEvent::Connected { assigned_client_id: None, keep_alive: seconds(60) };
        assert_eq!(pair.take_client_events(), [connected]);
        assert!(pair.server.is_connected() && pair.client.is_connected());
    }
}

#[test]
fn connack_announces_what_this_server_has_not() {
    let now = start();
    let (_, connack) = connected(V311, &SessionLimits::default(), now);
    assert_eq!(connack, b"\x20\x02\x00\x00");
    let (_, connack) = connected(V5, &SessionLimits::default(), now);
    let expected = [
        &b"\x20\x13\x00\x00\x10"[..],
        b"\x21\x00\x64",         // receive maximum 100
        b"\x24\x01",             // maximum quality of service 1
        b"\x25\x00",             // no retained messages
        b"\x27\x00\x02\x00\x00", // maximum packet size 131072
        b"\x29\x00",             // no subscription identifiers
        b"\x2a\x00",             // no shared subscriptions
    ];
    assert_eq!(connack, expected.concat());
}

#[test]
fn connack_tells_what_the_client_gets_instead_of_what_it_asked_for() {
    let now = start();
    for (keep_alive, session_expiry_interval, expected_keep_alive, expected_expiry) in [
        (0, 0, Some(1200), None),
        (5, 60, Some(30), Some(0)),
        (30, u32::MAX, None, Some(0)),
        (1201, 0, Some(1200), None),
    ] {
        let Packet::Connect(connect) = connect_packet(V5) else { panic!() };
        let connect = Connect { keep_alive, session_expiry_interval, client_id: "".into(), ..*connect };
        let mut session = Session::new(SessionLimits::default(), now);
        session.handle_bytes(&mut encoded(V5, &[Packet::Connect(Box::new(connect))]), now);
        assert!(matches!(
            session.poll_event(),
            Some(SessionEvent::Connect(ConnectRequest { client_id: None, .. }))
        ));
        session.accept(Some(&ClientId::parse("assigned").unwrap()), now);
        let decoder = crate::framing::PacketDecoder {
            version: V5,
            sender: crate::packet::Sender::Server,
            packet_bytes_max: 1000,
        };
        let mut bytes = BytesMut::from(&sent(&mut session, now)[..]);
        let Ok(Some(Packet::ConnAck(connack))) = decoder.decode(&mut bytes) else { panic!() };
        assert_eq!(connack.server_keep_alive, expected_keep_alive);
        assert_eq!(connack.session_expiry_interval, expected_expiry);
        assert_eq!(connack.assigned_client_id.as_deref(), Some("assigned"));
        assert!(!connack.session_present);
    }
}

#[test]
fn a_silent_or_slow_client_is_cut_off_at_the_connect_timeout() {
    let now = start();
    for partial in [&b""[..], b"\x10", b"\x10\x12\0\x04MQTT\x04\x02\0\x3c"] {
        let mut session = Session::new(SessionLimits::default(), now);
        assert_eq!(session.handle_bytes(&mut BytesMut::from(partial), now + seconds(9)), Intake::NeedsBytes);
        assert_eq!(session.poll_timeout(), Some(now + seconds(10)));
        session.handle_timeout(now + seconds(9));
        assert!(!session.is_closed());
        session.handle_timeout(now + seconds(10));
        assert_eq!(events(&mut session), [SessionEvent::Disconnected(DisconnectCause::ConnectTimeout)]);
        assert!(session.is_closed() && sent(&mut session, now).is_empty());
    }
}

#[test]
fn while_a_connect_is_held_nothing_is_taken_and_no_time_runs() {
    let now = start();
    let mut session = Session::new(SessionLimits::default(), now);
    let mut buf = encoded(V311, &[connect_packet(V311), publish_packet(PublishQoS::AtMostOnce)]);
    let publish_bytes = encoded(V311, &[publish_packet(PublishQoS::AtMostOnce)]);
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Blocked);
    assert_eq!(events(&mut session).len(), 1);
    assert_eq!(buf, publish_bytes);
    assert_eq!(session.poll_timeout(), None);
    session.handle_timeout(now + seconds(1000));
    assert_eq!(session.handle_bytes(&mut buf, now + seconds(1000)), Intake::Blocked);
    session.accept(None, now + seconds(1000));
    // Keep-alive starts at CONNACK.
    assert_eq!(session.poll_timeout(), Some(now + seconds(1090)));
    assert_eq!(session.handle_bytes(&mut buf, now + seconds(1001)), Intake::NeedsBytes);
    assert!(matches!(&events(&mut session)[..], [SessionEvent::Publish { packet_id: None, .. }]));
    assert_eq!(session.poll_timeout(), Some(now + seconds(1091)));
}

#[test]
fn a_client_that_falls_silent_is_disconnected_at_one_and_a_half_times_its_keep_alive() {
    for (version, keep_alive, holds) in [(V311, 60, 60), (V5, 60, 60), (V311, 0, 1200), (V5, 1, 30)] {
        let mut connect = options(version);
        connect.keep_alive_seconds = keep_alive;
        let mut pair = Pair::connected(&connect, SessionLimits::default());
        let begun = pair.now;
        // The client's own timers are left alone, as if it had hung.
        assert_eq!(pair.server.poll_timeout(), Some(begun + seconds(holds) * 3 / 2));
        pair.server.handle_timeout(begun + seconds(holds) * 3 / 2);
        let cause = DisconnectCause::KeepAlive { keep_alive: seconds(holds) };
        assert_eq!(pair.server.disconnect_cause(), Some(&cause));
        pair.exchange();
        assert_eq!(pair.take_server_events(), [SessionEvent::Disconnected(cause)]);
        let told = ClientEvent::Disconnected { reason: ReasonCode::KeepAliveTimeout, reason_string: None };
        assert_eq!(pair.take_client_events(), if version == V5 { vec![told] } else { vec![] });
    }
}

#[test]
fn pings_keep_an_idle_connection() {
    for version in [V311, V5] {
        let mut pair = Pair::connected(&options(version), SessionLimits::default());
        pair.pass(seconds(3600));
        assert!(pair.server.is_connected() && pair.client.is_connected());
        assert_eq!((pair.take_client_events(), pair.take_server_events()), (vec![], vec![]));
    }
}

#[test]
fn a_refused_client_is_told_what_its_version_can_say() {
    for (refusal, reason_v311) in [
        (ConnectRefusal::NotAuthorized, ReasonCode::NotAuthorized),
        (ConnectRefusal::ClientIdentifierNotValid, ReasonCode::ClientIdentifierNotValid),
        (ConnectRefusal::ServerUnavailable, ReasonCode::ServerUnavailable),
        (ConnectRefusal::ServerBusy, ReasonCode::ServerUnavailable),
        (ConnectRefusal::QuotaExceeded, ReasonCode::ServerUnavailable),
        (ConnectRefusal::ConnectionRateExceeded, ReasonCode::ServerUnavailable),
    ] {
        for version in [V311, V5] {
            let mut pair = Pair::new(&options(version), SessionLimits::default());
            pair.exchange();
            pair.server.refuse(refusal, Some("come back later"));
            pair.exchange();
            let (reason, reason_string) = match version {
                V311 => (reason_v311, None),
                V5 => (refusal.reason_code(), Some("come back later".into())),
            };
            assert_eq!(pair.take_client_events(), [ClientEvent::Refused { reason, reason_string }]);
            assert_eq!(pair.server.disconnect_cause(), Some(&DisconnectCause::Refused(refusal)));
            // What was commanded is not told again, and comes once.
            assert_eq!(pair.take_server_events().len(), 1);
            pair.server.accept(None, pair.now);
            assert!(pair.server.is_closed());
        }
    }
}

#[test]
fn a_silent_close_sends_nothing() {
    for version in [V311, V5] {
        let mut pair = Pair::new(&options(version), SessionLimits::default());
        pair.exchange();
        pair.server.close_silently();
        pair.exchange();
        assert_eq!(pair.take_client_events(), []);
        assert_eq!(pair.server.disconnect_cause(), Some(&DisconnectCause::ClosedSilently));
    }
}

/// Checks what answers the first bytes of a connection that the session ends by itself.
fn check_first_bytes(bytes: &[u8], answer: &[u8], expected: impl Fn(&DisconnectCause) -> bool) {
    let now = start();
    let mut session = Session::new(SessionLimits::default(), now);
    let mut buf = BytesMut::from(bytes);
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Closed, "{}", bytes.escape_ascii());
    assert!(buf.is_empty());
    let events = events(&mut session);
    let [SessionEvent::Disconnected(cause)] = &events[..] else { panic!("{events:?}") };
    assert!(expected(cause), "{}: {cause:?}", bytes.escape_ascii());
    let sent = sent(&mut session, now);
    // Behind the code of an MQTT 5 CONNACK stands a reason string for people.
    let said = &sent[..answer.len().min(sent.len())];
    let same = if sent.len() > 4 { said[0] == 0x20 && said[2..] == answer[2..] } else { sent == answer };
    assert!(same, "{}: {}", bytes.escape_ascii(), sent.escape_ascii());
}

#[test]
fn a_connect_that_cannot_be_is_answered_where_the_protocol_says_so() {
    let violation = |violation: Violation| {
        move |cause: &DisconnectCause| *cause == DisconnectCause::Violation(violation.clone())
    };
    let level = |level| violation(Violation::ProtocolLevel { level });
    check_first_bytes(b"\x10\x0d\0\x04MQTT\x03\x02\0\0\0\x01a", b"\x20\x02\0\x01", level(3));
    check_first_bytes(b"\x10\x0f\0\x06MQIsdp\x03\x02\0\0\0\x01a", b"\x20\x02\0\x01", level(3));
    check_first_bytes(b"\x10\x0e\0\x04MQTT\x06\x02\0\0\0\0\x01a", b"\x20\x03\0\x84\0", level(6));
    check_first_bytes(
        b"\x10\x0c\0\x04MQTT\x04\0\0\0\0\0",
        b"\x20\x02\0\x02",
        violation(Violation::ClientIdMissing),
    );
    check_first_bytes(b"\x10\x0d\0\x04HTTP\x04\x02\0\0\0\x01a", b"", violation(Violation::ProtocolName));
    check_first_bytes(b"\xc0\0", b"", violation(Violation::FirstPacket { first_byte: 0xC0 }));
    let reserved = Violation::ReservedFlag { packet: PacketType::Connect };
    check_first_bytes(b"\x10\x0d\0\x04MQTT\x04\x03\0\0\0\x01a", b"", violation(reserved.clone()));
    check_first_bytes(b"\x10\x0e\0\x04MQTT\x05\x03\0\0\0\0\x01a", b"\x20\0\0\x81", violation(reserved));
    let control =
        |cause: &DisconnectCause| matches!(cause, DisconnectCause::Violation(Violation::ClientId(_)));
    check_first_bytes(b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01\x07", b"\x20\x02\0\x02", control);
    check_first_bytes(b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01\x07", b"\x20\0\0\x85", control);
}

#[test]
fn what_is_not_built_is_refused_at_connect() {
    let not_supported =
        |what: NotSupported| move |cause: &DisconnectCause| *cause == DisconnectCause::NotSupported(what);
    let will = |qos, retain| not_supported(NotSupported::Will { qos, retain });
    check_first_bytes(
        b"\x10\x12\0\x04MQTT\x04\x06\0\0\0\x01a\0\x01t\0\0",
        b"\x20\x02\0\x05",
        will(QoS::AtMostOnce, false),
    );
    for (flags, code, qos, retain) in [
        (0x06, 0x83, QoS::AtMostOnce, false),
        (0x0E, 0x83, QoS::AtLeastOnce, false),
        (0x26, 0x9A, QoS::AtMostOnce, true),
        (0x36, 0x9B, QoS::ExactlyOnce, true),
    ] {
        let connect = [b"\x10\x14\0\x04MQTT\x05", &[flags][..], b"\0\0\0\0\x01a\0\0\x01t\0\0"].concat();
        check_first_bytes(&connect, &[0x20, 0, 0, code], will(qos, retain));
    }
    let authentication = not_supported(NotSupported::EnhancedAuthentication);
    check_first_bytes(
        b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01x\0\x01a",
        b"\x20\0\0\x8c",
        authentication,
    );
}

/// Checks how packets end an established connection.
fn check_ends(
    version: ProtocolVersion,
    packets: &[Packet],
    code: Option<ReasonCode>,
    expected: &DisconnectCause,
) {
    let mut pair = Pair::connected(&options(version), SessionLimits::default());
    pair.server.handle_bytes(&mut encoded(version, packets), pair.now);
    pair.exchange();
    assert_eq!(pair.take_server_events(), [SessionEvent::Disconnected(expected.clone())]);
    let reasons: Vec<_> = pair
        .take_client_events()
        .into_iter()
        .map(|event| if let ClientEvent::Disconnected { reason, .. } = event { Some(reason) } else { None })
        .collect();
    assert_eq!(reasons, Vec::from_iter(code.map(Some)));
}

#[test]
fn what_is_not_built_or_not_expected_ends_the_connection() {
    let exactly_once = publish_packet(PublishQoS::ExactlyOnce(PacketId::FIRST));
    let release = Packet::PubRel(crate::packet::Ack::success(PacketId::FIRST));
    let unexpected = |packet| DisconnectCause::Violation(Violation::UnexpectedPacket { packet });
    let cases = [
        (exactly_once, DisconnectCause::NotSupported(NotSupported::QoS2), ReasonCode::QoSNotSupported),
        (connect_packet(V5), unexpected(PacketType::Connect), ReasonCode::ProtocolError),
        (release, unexpected(PacketType::PubRel), ReasonCode::ProtocolError),
    ];
    for (packet, cause, code) in cases {
        check_ends(V5, &[packet.clone(), Packet::PingReq], Some(code), &cause);
        check_ends(V311, &[packet, Packet::PingReq], None, &cause);
    }
    let leaving = Packet::Disconnect(Disconnect { reason: ReasonCode::Success, reason_string: None });
    let cause = DisconnectCause::Client { reason: ReasonCode::Success };
    check_ends(V5, &[leaving.clone(), Packet::PingReq], None, &cause);
    check_ends(V311, &[leaving, Packet::PingReq], None, &cause);
    let identified = Packet::Subscribe(Subscribe {
        packet_id: PacketId::FIRST,
        subscription_id: std::num::NonZeroU32::new(1),
        filters: vec![(filter("a"), SubscriptionOptions::with_qos(QoS::AtMostOnce))],
    });
    let cause = DisconnectCause::NotSupported(NotSupported::SubscriptionIdentifier);
    check_ends(V5, &[identified], Some(ReasonCode::SubscriptionIdentifiersNotSupported), &cause);
}

#[test]
fn a_retained_message_ends_an_mqtt_5_connection_and_is_routed_in_mqtt_3_1_1() {
    let Packet::Publish(publish) = publish_packet(PublishQoS::AtMostOnce) else { panic!() };
    let retained = Packet::Publish(Publish { retain: true, ..publish });
    let cause = DisconnectCause::NotSupported(NotSupported::RetainedMessage);
    check_ends(V5, std::slice::from_ref(&retained), Some(ReasonCode::RetainNotSupported), &cause);
    let now = start();
    let (mut session, _) = connected(V311, &SessionLimits::default(), now);
    session.handle_bytes(&mut encoded(V311, &[retained]), now);
    assert!(matches!(&events(&mut session)[..], [SessionEvent::Publish { retain: true, .. }]));
}

#[test]
fn shared_and_too_many_filters_are_refused_by_the_session() {
    let unsupported = ReasonCode::SharedSubscriptionsNotSupported;
    for version in [V311, V5] {
        let code = |code: ReasonCode| {
            if version == V5 || !code.is_failure() { code } else { ReasonCode::UnspecifiedError }
        };
        let mut pair = Pair::connected(&options(version), SessionLimits::default());
        let subscribe = |pair: &mut Pair, filters: &[&str]| {
            let filters: Vec<_> = filters.iter().map(|text| (filter(text), QoS::AtLeastOnce)).collect();
            let packet_id = pair.client.subscribe(&filters, pair.now).unwrap();
            pair.exchange();
            packet_id
        };
        // Among others: the shell hears of the others alone.
        let packet_id = subscribe(&mut pair, &["$share/g/a", "b", "$share/g/c", "d"]);
        let granted = |text| (filter(text), SubscriptionOptions::with_qos(QoS::AtLeastOnce));
        let filters = vec![granted("b"), granted("d")];
        assert_eq!(pair.take_server_events(), [SessionEvent::Subscribe { packet_id, filters }]);
        let codes = [SubAckCode::Granted(QoS::AtLeastOnce), SubAckCode::NotAuthorized];
        pair.server.sub_ack(packet_id, &codes, None);
        pair.exchange();
        let codes =
            [unsupported, ReasonCode::GrantedQoS1, unsupported, ReasonCode::NotAuthorized].map(code).to_vec();
        assert_eq!(
            pair.take_client_events(),
            [ClientEvent::SubAck { packet_id, codes, reason_string: None }]
        );
        // Alone, and too many at once: answered by the session.
        let packet_id = subscribe(&mut pair, &["$share/g/a"]);
        let codes = vec![code(unsupported)];
        assert_eq!(
            pair.take_client_events(),
            [ClientEvent::SubAck { packet_id, codes, reason_string: None }]
        );
        let packet_id = subscribe(&mut pair, &["a"; 9]);
        let codes = vec![code(ReasonCode::QuotaExceeded); 9];
        assert_eq!(
            pair.take_client_events(),
            [ClientEvent::SubAck { packet_id, codes, reason_string: None }]
        );
        assert_eq!(pair.take_server_events(), []);
        let packet_id = subscribe(&mut pair, &["a"; 8]);
        assert!(
            matches!(&pair.take_server_events()[..], [SessionEvent::Subscribe { packet_id: id, .. }] if *id == packet_id)
        );
    }
}

#[test]
fn the_server_ends_a_connection_in_any_state() {
    let now = start();
    for (reason, disconnect, connack) in [
        (ServerDisconnect::SessionTakenOver, 0x8E, 0x88),
        (ServerDisconnect::AdministrativeAction, 0x98, 0x88),
        (ServerDisconnect::NotAuthorized, 0x87, 0x87),
        (ServerDisconnect::ServerShuttingDown, 0x8B, 0x88),
        (ServerDisconnect::ServerBusy, 0x89, 0x89),
        (ServerDisconnect::QuotaExceeded, 0x97, 0x97),
        (ServerDisconnect::UnspecifiedError, 0x80, 0x80),
    ] {
        for version in [V311, V5] {
            let (mut session, _) = connected(version, &SessionLimits::default(), now);
            session.disconnect(reason, None);
            let expected = if version == V5 { vec![0xE0, 2, disconnect, 0] } else { vec![] };
            assert_eq!(sent(&mut session, now), expected);
            assert_eq!(session.disconnect_cause(), Some(&DisconnectCause::Server(reason)));
            // The first cause stays, and nothing more is said.
            session.disconnect(ServerDisconnect::UnspecifiedError, None);
            session.close_silently();
            assert_eq!(session.disconnect_cause(), Some(&DisconnectCause::Server(reason)));
            assert_eq!((sent(&mut session, now), events(&mut session)), (vec![], vec![]));

            let mut session = Session::new(SessionLimits::default(), now);
            session.handle_bytes(&mut encoded(version, &[connect_packet(version)]), now);
            session.disconnect(reason, None);
            let expected = if version == V5 { vec![0x20, 3, 0, connack, 0] } else { vec![] };
            assert_eq!(sent(&mut session, now), expected);
        }
        let mut session = Session::new(SessionLimits::default(), now);
        session.disconnect(reason, None);
        assert!(session.is_closed() && sent(&mut session, now).is_empty());
    }
}

#[test]
fn commands_that_do_not_fit_the_state_do_nothing() {
    let now = start();
    let mut session = Session::new(SessionLimits::default(), now);
    session.accept(None, now);
    session.refuse(ConnectRefusal::NotAuthorized, None);
    session.publish_ack(PacketId::FIRST, PubAckReason::Success, None);
    session.sub_ack(PacketId::FIRST, &[SubAckCode::NotAuthorized], None);
    session.unsub_ack(PacketId::FIRST, &[UnsubAckReason::Success]);
    let delivery = session.deliver(&message(b"x", QoS::AtMostOnce), QoS::AtMostOnce, now);
    assert_eq!(delivery, Delivery::Dropped(DropReason::NotConnected));
    assert!(!session.can_take_delivery() && !session.is_closed() && !session.is_connected());
    assert_eq!((session.transmit_bytes(), events(&mut session)), (0, vec![]));
}

#[test]
fn a_packet_that_is_announced_but_not_sent_takes_no_memory() {
    let now = start();
    let (mut session, _) = connected(V311, &SessionLimits::default(), now);
    let mut buf = BytesMut::with_capacity(64);
    buf.extend_from_slice(b"\x30\xfc\xff\x07\0\x01a");
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::NeedsBytes);
    assert!(buf.capacity() <= 64);
    buf.extend_from_slice(b"x");
    buf[1] = 0xFD;
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Closed);
    let cause = DisconnectCause::Violation(Violation::PacketTooLarge { bytes: 131_073, bytes_max: 131_072 });
    assert_eq!(session.disconnect_cause(), Some(&cause));
}

#[test]
fn a_flood_of_packets_is_taken_in_portions() {
    let now = start();
    let (mut session, _) = connected(V311, &SessionLimits::default(), now);
    let packets = vec![publish_packet(PublishQoS::AtMostOnce); 100];
    let mut buf = encoded(V311, &packets);
    let mut portions = Vec::new();
    while session.handle_bytes(&mut buf, now) == Intake::NeedsPolling {
        portions.push(events(&mut session).len());
    }
    portions.push(events(&mut session).len());
    assert_eq!(portions, [32, 32, 32, 4]);
}

#[test]
fn the_client_keeps_to_the_limits_of_the_server() {
    let limits = SessionLimits { receive_maximum: 1, packet_bytes_max: 100, ..SessionLimits::default() };
    let mut pair = Pair::connected(&options(V5), limits);
    let now = pair.now;
    let mut publish = |bytes, qos| pair.client.publish(&topic("t"), Bytes::from(vec![0; bytes]), qos, now);
    assert!(matches!(publish(95, QoS::AtMostOnce), Err(ClientError::TooLarge { bytes_max: 100 })));
    assert!(matches!(publish(1, QoS::AtLeastOnce), Ok(Some(_))));
    assert!(matches!(publish(1, QoS::AtLeastOnce), Err(ClientError::WindowFull { in_flight: 1 })));
    assert!(matches!(publish(94, QoS::AtMostOnce), Ok(None)));
    assert!(matches!(publish(1, QoS::ExactlyOnce), Err(ClientError::QoS2)));
    pair.exchange();
    assert_eq!(pair.take_server_events().len(), 2);
    pair.client.disconnect();
    pair.exchange();
    let cause = DisconnectCause::Client { reason: ReasonCode::Success };
    assert_eq!(pair.take_server_events(), [SessionEvent::Disconnected(cause)]);
    assert!(matches!(pair.client.subscribe(&[], now), Err(ClientError::NotConnected)));
}

#[test]
fn the_client_gives_up_on_a_server_that_does_not_answer_pings() {
    let mut pair = Pair::connected(&options(V311), SessionLimits::default());
    let begun = pair.now;
    assert_eq!(pair.client.poll_timeout(), Some(begun + seconds(60)));
    pair.client.handle_timeout(begun + seconds(60));
    assert_eq!(pair.client.poll_transmit().as_deref(), Some(&b"\xc0\x00"[..]));
    pair.client.handle_timeout(begun + seconds(119));
    assert!(!pair.client.is_closed());
    pair.client.handle_timeout(begun + seconds(120));
    assert_eq!((pair.client.poll_event(), pair.client.is_closed()), (Some(ClientEvent::PingTimeout), true));
}
