use super::*;

#[test]
fn a_message_goes_to_the_server_and_its_acknowledgement_back() {
    for version in [V311, V5] {
        let mut pair = Pair::connected(&options(version), SessionLimits::default());
        let payload = Bytes::from(vec![7; 5000]);
        let id = pair.client.publish(&topic("a/b"), payload.clone(), QoS::AtLeastOnce, pair.now).unwrap();
        pair.client.publish(&topic("a/c"), payload.clone(), QoS::AtMostOnce, pair.now).unwrap();
        pair.exchange();
        let expected = |name, qos, packet_id| SessionEvent::Publish {
            message: Message::new(topic(name), payload.clone(), qos),
            packet_id,
            retain: false,
        };
        let events = pair.take_server_events();
        assert_eq!(events, [expected("a/b", QoS::AtLeastOnce, id), expected("a/c", QoS::AtMostOnce, None)]);
        assert_eq!(pair.take_client_events(), []);
        pair.server.publish_ack(id.unwrap(), PubAckReason::NotAuthorized, None);
        pair.exchange();
        let reason = if version == V5 { ReasonCode::NotAuthorized } else { ReasonCode::Success };
        let acknowledged = ClientEvent::PubAck { packet_id: id.unwrap(), reason, reason_string: None };
        assert_eq!(pair.take_client_events(), [acknowledged]);
    }
}

#[test]
fn a_subscriber_gets_messages_with_the_lower_quality_of_service() {
    for version in [V311, V5] {
        let mut pair = Pair::connected(&options(version), SessionLimits::default());
        let filters = [(filter("t"), QoS::ExactlyOnce), (filter("a/#"), QoS::AtMostOnce)];
        let packet_id = pair.client.subscribe(&filters, pair.now).unwrap();
        pair.exchange();
        // Quality of service 2 is not granted.
        let granted = |text, qos| (filter(text), SubscriptionOptions::with_qos(qos));
        let filters = vec![granted("t", QoS::AtLeastOnce), granted("a/#", QoS::AtMostOnce)];
        assert_eq!(pair.take_server_events(), [SessionEvent::Subscribe { packet_id, filters }]);
        let codes = [SubAckCode::Granted(QoS::AtLeastOnce), SubAckCode::NotAuthorized];
        pair.server.sub_ack(packet_id, &codes, None);
        pair.exchange();
        let refused = if version == V5 { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError };
        let codes = vec![ReasonCode::GrantedQoS1, refused];
        assert_eq!(
            pair.take_client_events(),
            [ClientEvent::SubAck { packet_id, codes, reason_string: None }]
        );

        for (qos, granted, expected) in [
            (QoS::AtLeastOnce, QoS::AtLeastOnce, QoS::AtLeastOnce),
            (QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtMostOnce),
            (QoS::AtLeastOnce, QoS::AtMostOnce, QoS::AtMostOnce),
            (QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtLeastOnce),
        ] {
            assert_eq!(pair.server.deliver(&message(b"x", qos), granted, pair.now), Delivery::Sent);
            assert_eq!(pair.server.in_flight_messages(), usize::from(expected == QoS::AtLeastOnce));
            pair.exchange();
            let arrived = Message::new(topic("t"), Bytes::from_static(b"x"), expected);
            assert_eq!(pair.take_client_events(), [ClientEvent::Message(arrived)]);
            assert_eq!(pair.server.in_flight_messages(), 0);
        }

        let packet_id = pair.client.unsubscribe(&[filter("t")], pair.now).unwrap();
        pair.exchange();
        let filters = vec![filter("t")];
        assert_eq!(pair.take_server_events(), [SessionEvent::Unsubscribe { packet_id, filters }]);
        pair.server.unsub_ack(packet_id, &[UnsubAckReason::NoSubscriptionExisted]);
        pair.exchange();
        let codes = if version == V5 { vec![ReasonCode::NoSubscriptionExisted] } else { vec![] };
        assert_eq!(pair.take_client_events(), [ClientEvent::UnsubAck { packet_id, codes }]);
    }
}

#[test]
fn properties_are_forwarded_and_the_expiry_counts_down() {
    let now = start();
    let (mut publisher, _) = connected(V5, &SessionLimits::default(), now);
    let properties = PublishProperties {
        payload_is_text: true,
        content_type: Some("text/plain".into()),
        response_topic: Some(topic("r")),
        correlation_data: Some(Bytes::from_static(&[1, 2])),
        user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into())],
    };
    let Packet::Publish(publish) = publish_packet(PublishQoS::AtMostOnce) else { panic!() };
    let sent_publish =
        Publish { message_expiry: Some(10), properties: Some(Arc::new(properties)), ..publish };
    publisher.handle_bytes(&mut encoded(V5, &[Packet::Publish(sent_publish.clone())]), now);
    let Some(SessionEvent::Publish { message, .. }) = publisher.poll_event() else { panic!() };
    let message = Arc::new(message);
    for (waited, expected) in [
        (Duration::ZERO, Some(10)),
        (Duration::from_millis(2500), Some(8)),
        (Duration::from_millis(9999), Some(1)),
        (seconds(10), None),
    ] {
        let (mut subscriber, _) = connected(V5, &SessionLimits::default(), now);
        let delivery = subscriber.deliver(&message, QoS::AtMostOnce, now + waited);
        let Some(left) = expected else {
            assert_eq!(delivery, Delivery::Dropped(DropReason::Expired));
            assert_eq!(subscriber.counters().expired, 1);
            continue;
        };
        let forwarded = Publish { message_expiry: Some(left), ..sent_publish.clone() };
        assert_eq!(sent(&mut subscriber, now), encoded(V5, &[Packet::Publish(forwarded)]));
    }
}

#[test]
fn at_the_receive_maximum_an_mqtt_5_client_is_disconnected() {
    let now = start();
    let limits = SessionLimits { receive_maximum: 2, ..SessionLimits::default() };
    let (mut session, _) = connected(V5, &limits, now);
    let packets = [1, 2].map(|id| publish_packet(at_least_once(id)));
    session.handle_bytes(&mut encoded(V5, &packets), now);
    session.publish_ack(PacketId::new(1).unwrap(), PubAckReason::Success, None);
    session.handle_bytes(&mut encoded(V5, &[publish_packet(at_least_once(3))]), now);
    assert_eq!(events(&mut session).len(), 3);
    session.handle_bytes(&mut encoded(V5, &[publish_packet(at_least_once(4))]), now);
    let cause = DisconnectCause::Violation(Violation::ReceiveMaximum { receive_maximum: 2 });
    assert_eq!(events(&mut session), [SessionEvent::Disconnected(cause)]);
    assert!(sent(&mut session, now).windows(2).any(|pair| pair[0] == 0xE0) && session.is_closed());
}

#[test]
fn at_the_receive_maximum_an_mqtt_3_1_1_client_waits_and_is_not_called_silent() {
    let now = start();
    let limits = SessionLimits { receive_maximum: 2, ..SessionLimits::default() };
    let (mut session, _) = connected(V311, &limits, now);
    let mut buf = encoded(V311, &[1, 2, 3].map(|id| publish_packet(at_least_once(id))));
    let third = encoded(V311, &[publish_packet(at_least_once(3))]);
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Blocked);
    assert_eq!((events(&mut session).len(), &buf), (2, &third));
    assert_eq!(session.poll_timeout(), None);
    let later = now + seconds(1000);
    session.handle_timeout(later);
    session.publish_ack(PacketId::new(2).unwrap(), PubAckReason::Success, None);
    assert_eq!(session.handle_bytes(&mut buf, later), Intake::Blocked);
    assert_eq!((events(&mut session).len(), buf.len()), (1, 0));
    let later = later + seconds(1000);
    session.publish_ack(PacketId::new(1).unwrap(), PubAckReason::Success, None);
    assert_eq!(session.handle_bytes(&mut buf, later), Intake::NeedsBytes);
    assert_eq!(session.poll_timeout(), Some(later + seconds(90)));
}

#[test]
fn beyond_the_window_messages_wait_and_beyond_the_queue_they_are_dropped() {
    for version in [V311, V5] {
        let limits = SessionLimits {
            in_flight_messages_max: 2,
            session_queue_messages_max: 3,
            ..SessionLimits::default()
        };
        let mut pair = Pair::connected(&options(version), limits);
        for expected in [
            Delivery::Sent,
            Delivery::Sent,
            Delivery::Queued,
            Delivery::Queued,
            Delivery::Queued,
            Delivery::Dropped(DropReason::QueueFull),
        ] {
            assert_eq!(pair.server.can_take_delivery(), expected != Delivery::Dropped(DropReason::QueueFull));
            let delivery = pair.server.deliver(&message(b"x", QoS::AtLeastOnce), QoS::AtLeastOnce, pair.now);
            assert_eq!(delivery, expected);
        }
        assert_eq!((pair.server.in_flight_messages(), pair.server.queued_messages()), (2, 3));
        assert_eq!(pair.server.counters().queue_full, 1);
        // Quality of service 0 does not wait.
        let delivery = pair.server.deliver(&message(b"0", QoS::AtMostOnce), QoS::AtLeastOnce, pair.now);
        assert_eq!(delivery, Delivery::Sent);
        pair.exchange();
        assert_eq!(pair.take_client_events().len(), 6);
        assert_eq!((pair.server.in_flight_messages(), pair.server.queued_messages()), (0, 0));
        assert!(pair.server.can_take_delivery());
    }
}

#[test]
fn the_receive_maximum_of_the_client_narrows_the_window() {
    let mut connect = options(V5);
    connect.receive_maximum = std::num::NonZeroU16::new(1).unwrap();
    let mut pair = Pair::connected(&connect, SessionLimits::default());
    let message = message(b"x", QoS::AtLeastOnce);
    assert_eq!(pair.server.deliver(&message, QoS::AtLeastOnce, pair.now), Delivery::Sent);
    assert_eq!(pair.server.deliver(&message, QoS::AtLeastOnce, pair.now), Delivery::Queued);
    // An acknowledgement of what was never sent does no harm, and frees nothing.
    let stray = Packet::PubAck(crate::packet::Ack::success(PacketId::new(9).unwrap()));
    pair.server.handle_bytes(&mut encoded(V5, &[stray]), pair.now);
    assert_eq!((pair.server.in_flight_messages(), pair.server.queued_messages()), (1, 1));
    pair.exchange();
    assert_eq!(pair.take_client_events().len(), 2);
}

#[test]
fn a_message_that_expires_in_the_queue_is_not_delivered() {
    let limits = SessionLimits { in_flight_messages_max: 1, ..SessionLimits::default() };
    let mut pair = Pair::connected(&options(V5), limits);
    let expiring =
        Message { expires_at: Some(pair.now + seconds(5)), ..(*message(b"old", QoS::AtLeastOnce)).clone() };
    assert_eq!(
        pair.server.deliver(&message(b"1", QoS::AtLeastOnce), QoS::AtLeastOnce, pair.now),
        Delivery::Sent
    );
    assert_eq!(pair.server.deliver(&Arc::new(expiring), QoS::AtLeastOnce, pair.now), Delivery::Queued);
    assert_eq!(
        pair.server.deliver(&message(b"2", QoS::AtLeastOnce), QoS::AtLeastOnce, pair.now),
        Delivery::Queued
    );
    pair.now += seconds(5);
    pair.exchange();
    let payloads: Vec<_> = pair
        .take_client_events()
        .into_iter()
        .filter_map(
            |event| if let ClientEvent::Message(message) = event { Some(message.payload) } else { None },
        )
        .collect();
    assert_eq!(payloads, ["1", "2"]);
    assert_eq!(pair.server.counters().expired, 1);
}

#[test]
fn a_client_that_does_not_read_fills_no_more_than_its_buffer() {
    let now = start();
    let limits = SessionLimits { transmit_buffer_bytes_max: 10_000, ..SessionLimits::default() };
    let (mut session, _) = connected(V311, &limits, now);
    let large = message(&[7; 6000], QoS::AtLeastOnce);
    assert_eq!(session.deliver(&large, QoS::AtMostOnce, now), Delivery::Sent);
    assert_eq!(session.deliver(&large, QoS::AtLeastOnce, now), Delivery::Sent);
    let dropped = Delivery::Dropped(DropReason::TransmitBufferFull);
    assert_eq!(session.deliver(&large, QoS::AtMostOnce, now), dropped);
    assert_eq!(session.deliver(&large, QoS::AtLeastOnce, now), Delivery::Queued);
    assert_eq!((session.transmit_bytes(), session.counters().transmit_buffer_full), (12_014, 1));

    // Answers go on up to twice the limit; then the client is not read any more.
    let pings = vec![Packet::PingReq; 10_000];
    let mut buf = encoded(V311, &pings);
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::Blocked);
    assert_eq!((session.transmit_bytes(), buf.len()), (20_000, 20_000 - 7986));

    // Sending makes room, first for the message in the queue.
    let mut received = 0;
    while let Some(bytes) = session.poll_transmit(now) {
        received += bytes.len();
    }
    assert_eq!((received, session.queued_messages()), (20_000 + 6008, 0));
    assert_eq!(session.handle_bytes(&mut buf, now), Intake::NeedsBytes);
    assert_eq!((session.transmit_bytes(), buf.len()), (20_000 - 7986, 0));
}

#[test]
fn no_message_overtakes_another_in_the_queue() {
    let limits = SessionLimits { transmit_buffer_bytes_max: 1, ..SessionLimits::default() };
    let mut pair = Pair::connected(&options(V311), limits);
    let deliver = |pair: &mut Pair, payload| {
        pair.server.deliver(&message(payload, QoS::AtLeastOnce), QoS::AtLeastOnce, pair.now)
    };
    assert_eq!(deliver(&mut pair, b"1"), Delivery::Sent);
    assert_eq!(deliver(&mut pair, b"2"), Delivery::Queued);
    // There is room in the buffer again, and the second message still waits.
    let first = pair.server.poll_transmit(pair.now).unwrap();
    pair.to_client.extend_from_slice(&first);
    assert_eq!(deliver(&mut pair, b"3"), Delivery::Queued);
    pair.exchange();
    let payloads: Vec<_> = pair
        .take_client_events()
        .into_iter()
        .filter_map(
            |event| if let ClientEvent::Message(message) = event { Some(message.payload) } else { None },
        )
        .collect();
    assert_eq!(payloads, ["1", "2", "3"]);
}

#[test]
fn the_maximum_packet_size_of_the_client_is_kept() {
    let mut connect = options(V5);
    connect.packet_bytes_max = std::num::NonZeroU32::new(64).unwrap();
    let mut pair = Pair::connected(&connect, SessionLimits::default());
    // Fixed header 2, topic 3, properties 1, and a packet identifier of 2 with quality of service 1.
    for (payload, qos, expected) in [
        (58, QoS::AtMostOnce, Delivery::Sent),
        (59, QoS::AtMostOnce, Delivery::Dropped(DropReason::TooLarge)),
        (56, QoS::AtLeastOnce, Delivery::Sent),
        (57, QoS::AtLeastOnce, Delivery::Dropped(DropReason::TooLarge)),
    ] {
        let delivery = pair.server.deliver(&message(&vec![b'x'; payload], qos), QoS::AtLeastOnce, pair.now);
        assert_eq!(delivery, expected, "{payload} bytes, {qos:?}");
    }
    assert_eq!((pair.server.counters().too_large, pair.server.in_flight_messages()), (2, 1));
    // A reason string that does not fit is left out.
    pair.server.handle_bytes(&mut BytesMut::from(&b"\xc1\x00"[..]), pair.now);
    pair.exchange();
    let reasons: Vec<_> = pair.take_client_events().into_iter().skip(2).collect();
    let expected = ClientEvent::Disconnected { reason: ReasonCode::MalformedPacket, reason_string: None };
    assert_eq!(reasons, [expected]);
}

/// What a client of these options is told in words when its publication is denied, its subscription, and then everything.
fn denied(options: &ClientOptions) -> [Option<Box<str>>; 3] {
    let mut pair = Pair::connected(options, SessionLimits::default());
    let published = pair.client.publish(&topic("t"), Bytes::new(), QoS::AtLeastOnce, pair.now).unwrap();
    let subscribed = pair.client.subscribe(&[(filter("t"), QoS::AtMostOnce)], pair.now).unwrap();
    pair.exchange();
    pair.server.publish_ack(published.unwrap(), PubAckReason::NotAuthorized, Some("publish denied"));
    pair.server.sub_ack(subscribed, &[SubAckCode::NotAuthorized], Some("subscribe denied"));
    pair.server.disconnect(ServerDisconnect::NotAuthorized, Some("connect denied"));
    pair.exchange();
    assert_eq!(pair.server.counters().unsendable_packets, 0);
    let events = pair.take_client_events();
    let [
        ClientEvent::PubAck { packet_id: acknowledged, reason: published_reason, reason_string: first },
        ClientEvent::SubAck { packet_id: answered, codes, reason_string: second },
        ClientEvent::Disconnected { reason: ended_reason, reason_string: third },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((Some(*acknowledged), *answered), (published, subscribed));
    assert_eq!([*published_reason, codes[0], *ended_reason], [ReasonCode::NotAuthorized; 3]);
    [first, second, third].map(Clone::clone)
}

#[test]
fn a_denial_is_told_in_words_to_who_wants_them_and_has_room() {
    let words = ["publish denied", "subscribe denied", "connect denied"].map(|text| Some(text.into()));
    assert_eq!(denied(&options(V5)), words);
    // Acknowledgements must not carry them then; DISCONNECT may [MQTT-3.1.2-29].
    let unasked = ClientOptions { problem_information: false, ..options(V5) };
    assert_eq!(denied(&unasked), [None, None, words[2].clone()]);
    // PUBACK has 6 bytes and DISCONNECT 4 without words, SUBACK 6; each needs 3 more for the words beside them.
    for (bytes_max, expected) in [
        (21, [None, None, words[2].clone()]),
        (22, [None, None, words[2].clone()]),
        (23, [words[0].clone(), None, words[2].clone()]),
        (24, [words[0].clone(), None, words[2].clone()]),
        (25, words.clone()),
    ] {
        let packet_bytes_max = std::num::NonZeroU32::new(bytes_max).unwrap();
        let narrow = ClientOptions { packet_bytes_max, ..options(V5) };
        assert_eq!(denied(&narrow), expected, "{bytes_max} bytes");
    }
}

#[test]
fn words_that_no_packet_has_room_for_are_left_out() {
    let mut pair = Pair::connected(&options(V5), SessionLimits::default());
    let too_long = "x".repeat(usize::from(u16::MAX) + 1);
    pair.server.disconnect(ServerDisconnect::NotAuthorized, Some(&too_long));
    pair.exchange();
    let expected = ClientEvent::Disconnected { reason: ReasonCode::NotAuthorized, reason_string: None };
    assert_eq!(pair.take_client_events(), [expected]);
}
