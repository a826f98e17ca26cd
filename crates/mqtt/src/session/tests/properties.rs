use super::*;

/// What a shell sees of a connection on which `pieces` arrive one after the other.
fn observe(limits: &SessionLimits, pieces: &[&[u8]], now: Instant) -> (Vec<SessionEvent>, Vec<u8>) {
    let mut session = Session::new(limits.clone(), now);
    let mut buf = BytesMut::new();
    let (mut seen, mut answered) = (Vec::new(), Vec::new());
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let intake = session.handle_bytes(&mut buf, now);
            let polled = events(&mut session);
            assert!(polled.len() <= SESSION_EVENTS_MAX + 1);
            for event in &polled {
                answer(&mut session, event, now);
            }
            assert!(session.transmit_bytes() <= 3 * limits.transmit_buffer_bytes_max + 200_000);
            answered.extend(sent(&mut session, now));
            seen.extend(polled);
            match intake {
                Intake::NeedsBytes | Intake::Closed => break,
                Intake::NeedsPolling | Intake::Blocked => {}
            }
        }
        assert!(buf.len() <= limits.packet_bytes_max as usize || session.is_closed());
    }
    (seen, answered)
}

/// Does what a shell does that lets everything pass, and sends each message back.
fn answer(session: &mut Session, event: &SessionEvent, now: Instant) {
    match event {
        SessionEvent::Connect(_) => session.accept(Some(&ClientId::parse("assigned").unwrap()), now),
        SessionEvent::Publish { message, packet_id, .. } => {
            session.deliver(&Arc::new(message.clone()), QoS::AtLeastOnce, now);
            if let Some(packet_id) = packet_id {
                session.publish_ack(*packet_id, PubAckReason::Success, None);
            }
        }
        SessionEvent::Subscribe { packet_id, filters } => {
            let codes: Vec<_> = filters.iter().map(|(_, options)| SubAckCode::Granted(options.qos)).collect();
            session.sub_ack(*packet_id, &codes, None);
        }
        SessionEvent::Unsubscribe { packet_id, filters } => {
            session.unsub_ack(*packet_id, &vec![UnsubAckReason::Success; filters.len()]);
        }
        SessionEvent::Disconnected(_) => {}
    }
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let id = (1..50_u16).prop_map(|number| PacketId::new(number).unwrap());
    let filters = prop::collection::vec(prop::sample::select(vec!["a", "a/+", "#", "$share/g/x"]), 1..10);
    prop_oneof![
        Just(publish_packet(PublishQoS::AtMostOnce)),
        id.clone().prop_map(|id| publish_packet(PublishQoS::AtLeastOnce(id))),
        id.clone().prop_map(|packet_id| { Packet::PubAck(crate::packet::Ack::success(packet_id)) }),
        (id, filters).prop_map(|(packet_id, filters)| {
            let options = SubscriptionOptions::with_qos(QoS::ExactlyOnce);
            let filters = filters.into_iter().map(|text| (filter(text), options)).collect();
            Packet::Subscribe(Subscribe { packet_id, subscription_id: None, filters })
        }),
        Just(Packet::PingReq),
    ]
}

fn limits_of_tests() -> SessionLimits {
    SessionLimits {
        in_flight_messages_max: 3,
        session_queue_messages_max: 3,
        transmit_buffer_bytes_max: 50_000,
        ..SessionLimits::default()
    }
}

proptest! {
    #[test]
    fn however_a_stream_is_split_the_events_are_the_same(
        packets in prop::collection::vec(any_packet(), 0..60),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        is_v5 in any::<bool>(),
    ) {
        let version = if is_v5 { V5 } else { V311 };
        let mut stream = encoded(version, &[connect_packet(version)]);
        stream.extend_from_slice(&encoded(version, &packets));
        let mut ends: Vec<usize> = splits.iter().map(|split| split.index(stream.len())).collect();
        ends.extend([0, stream.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let now = start();
        let limits = limits_of_tests();
        let (whole, _) = observe(&limits, &[&stream], now);
        let (split, _) = observe(&limits, &pieces, now);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn no_bytes_make_a_session_panic_or_grow(
        packets in prop::collection::vec(any_packet(), 0..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        tail in prop::collection::vec(any::<u8>(), 0..100),
        is_v5 in any::<bool>(),
    ) {
        let version = if is_v5 { V5 } else { V311 };
        let mut stream = encoded(version, &[connect_packet(version)]);
        stream.extend_from_slice(&encoded(version, &packets));
        for (index, value) in changes {
            let index = index.index(stream.len());
            stream[index] = value;
        }
        stream.extend_from_slice(&tail);
        observe(&limits_of_tests(), &[&stream], start());
    }

    #[test]
    fn no_message_of_quality_of_service_1_is_lost_or_sent_twice(
        steps in prop::collection::vec(prop::option::of(1..4_usize), 0..60),
    ) {
        // Some(n): n messages are delivered. None: the client reads and acknowledges all that it got.
        let mut pair = Pair::connected(&options(V5), limits_of_tests());
        let (mut taken, mut arrived) = (Vec::new(), Vec::new());
        for step in steps.into_iter().chain([None]) {
            for _ in 0..step.unwrap_or(0) {
                let number = u8::try_from(taken.len() % 256).unwrap();
                let message = message(&[number], QoS::AtLeastOnce);
                match pair.server.deliver(&message, QoS::AtLeastOnce, pair.now) {
                    Delivery::Sent | Delivery::Queued => taken.push(number),
                    Delivery::Dropped(reason) => prop_assert_eq!(reason, DropReason::QueueFull),
                }
                prop_assert!(pair.server.in_flight_messages() <= 3 && pair.server.queued_messages() <= 3);
            }
            if step.is_none() {
                pair.exchange();
                arrived.extend(pair.take_client_events().into_iter().filter_map(|event| {
                    if let ClientEvent::Message(message) = event { Some(message.payload[0]) } else { None }
                }));
            }
        }
        prop_assert_eq!(taken, arrived);
        prop_assert_eq!((pair.server.in_flight_messages(), pair.server.queued_messages()), (0, 0));
    }
}
