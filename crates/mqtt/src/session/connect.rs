//! The CONNECT of a session: what is read from it, and what is announced in the answer.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use bytes::BytesMut;
use landfall_model::ClientId;

use crate::framing::PacketDecoder;
use crate::header;
use crate::packet::{ConnAck, Connect, Packet, ProtocolVersion, QoS, Sender};
use crate::publish::PACKET_BYTES_LARGEST;
use crate::reason::ReasonCode;
use crate::session::event::{ConnectRequest, DisconnectCause, NotSupported};
use crate::session::limits::SessionLimits;
use crate::violation::Violation;

/// A CONNECT that waits for the shell's answer.
#[derive(Debug)]
pub(crate) struct Connecting {
    pub(crate) version: ProtocolVersion,
    /// The client's maximum packet size, in bytes.
    pub(crate) packet_bytes_max: u32,
    /// Most messages in flight to the client.
    pub(crate) window: u16,
    /// The keep-alive that will hold, in seconds.
    pub(crate) keep_alive: u16,
    /// Whether it is another one than the client asked for.
    keep_alive_changed: bool,
    /// Whether the client asked for a session that outlives the connection.
    wants_persistence: bool,
    /// Whether acknowledgements may carry a reason string.
    pub(crate) problem_information: bool,
    /// Whether the server has to assign a client identifier.
    client_id_missing: bool,
}

impl Connecting {
    /// The CONNACK that lets the client in, with everything that this server has not (section 3.2.2.3).
    pub(crate) fn connack(&self, assigned: Option<&ClientId>, limits: &SessionLimits) -> ConnAck {
        let accepted = ConnAck::new(ReasonCode::Success);
        match self.version {
            ProtocolVersion::V311 => accepted,
            ProtocolVersion::V5 => ConnAck {
                // Sessions are not kept: who asks for more is told (section 3.2.2.3.2).
                session_expiry_interval: self.wants_persistence.then_some(0),
                receive_maximum: NonZeroU16::new(limits.receive_maximum).unwrap_or(NonZeroU16::MIN),
                maximum_qos: QoS::AtLeastOnce,
                retain_available: false,
                maximum_packet_size: Some(limits.packet_bytes_max),
                assigned_client_id: assigned.filter(|_| self.client_id_missing).map(|id| id.as_str().into()),
                subscription_identifiers_available: false,
                shared_subscription_available: false,
                server_keep_alive: self.keep_alive_changed.then_some(self.keep_alive),
                ..accepted
            },
        }
    }
}

/// A connection that ends at its CONNECT.
#[derive(Debug)]
pub(crate) struct ConnectFailure {
    pub(crate) cause: DisconnectCause,
    /// The CONNACK that tells the client, in the form of the version it speaks.
    pub(crate) answer: Option<(ProtocolVersion, ConnAck)>,
    /// The client's maximum packet size, in bytes, as far as it is known.
    pub(crate) answer_bytes_max: u32,
}

/// Takes the CONNECT out of `buf`; `None` when it is not complete yet.
pub(crate) fn take_connect(
    buf: &mut BytesMut,
    limits: &SessionLimits,
) -> Result<Option<(Connecting, ConnectRequest)>, ConnectFailure> {
    let packet_bytes_max = limits.packet_bytes_max;
    let version = match header::detect_version(buf, packet_bytes_max) {
        Ok(Some(version)) => version,
        Ok(None) => return Ok(None),
        Err(violation) => return Err(unknown_version(violation)),
    };
    let failed = |cause, answer_bytes_max| ConnectFailure {
        answer: answer_to(version, &cause),
        answer_bytes_max,
        cause,
    };
    let decoder = PacketDecoder { version, sender: Sender::Client, packet_bytes_max };
    match decoder.decode(buf) {
        Ok(Some(Packet::Connect(connect))) => {
            let answer_bytes_max = packet_bytes_max_of(&connect);
            read_connect(*connect, limits).map(Some).map_err(|cause| failed(cause, answer_bytes_max))
        }
        Ok(Some(packet)) => {
            let violation = Violation::UnexpectedPacket { packet: packet.packet_type() };
            Err(failed(DisconnectCause::Violation(violation), PACKET_BYTES_LARGEST))
        }
        Ok(None) => Ok(None),
        Err(violation) => Err(failed(DisconnectCause::Violation(violation), PACKET_BYTES_LARGEST)),
    }
}

fn read_connect(
    connect: Connect,
    limits: &SessionLimits,
) -> Result<(Connecting, ConnectRequest), DisconnectCause> {
    let not_supported = |what| Err(DisconnectCause::NotSupported(what));
    if let Some(will) = &connect.will {
        return not_supported(NotSupported::Will { qos: will.qos, retain: will.retain });
    }
    if connect.authentication_method.is_some() {
        return not_supported(NotSupported::EnhancedAuthentication);
    }
    let client_id = match &*connect.client_id {
        // MQTT 3.1.1 allows it with a clean session only [MQTT-3.1.3-8]; MQTT 5 always [MQTT-3.1.3-6].
        "" if connect.version == ProtocolVersion::V311 && !connect.clean_start => {
            return Err(DisconnectCause::Violation(Violation::ClientIdMissing));
        }
        "" => None,
        text => Some(
            ClientId::parse(text).map_err(|error| DisconnectCause::Violation(Violation::ClientId(error)))?,
        ),
    };
    let keep_alive = limits.keep_alive_seconds(connect.keep_alive);
    let receive_maximum = connect.receive_maximum.map_or(u16::MAX, NonZeroU16::get);
    let connecting = Connecting {
        version: connect.version,
        packet_bytes_max: packet_bytes_max_of(&connect),
        window: receive_maximum.min(limits.in_flight_messages_max),
        keep_alive,
        keep_alive_changed: keep_alive != connect.keep_alive,
        wants_persistence: connect.session_expiry_interval > 0,
        problem_information: connect.request_problem_information,
        client_id_missing: client_id.is_none(),
    };
    let request = ConnectRequest {
        version: connect.version,
        client_id,
        clean_start: connect.clean_start,
        keep_alive: Duration::from_secs(keep_alive.into()),
        user_name: connect.user_name,
    };
    Ok((connecting, request))
}

/// The client's maximum packet size, in bytes.
fn packet_bytes_max_of(connect: &Connect) -> u32 {
    connect.maximum_packet_size.map_or(PACKET_BYTES_LARGEST, NonZeroU32::get)
}

/// What answers a first packet that tells no version that is spoken here.
fn unknown_version(violation: Violation) -> ConnectFailure {
    // What does not speak MQTT is not answered.
    let mut answer = None;
    if let Violation::ProtocolLevel { level } = violation {
        // A client older than MQTT 3.1.1 reads the return code of 3.1.1 [MQTT-3.1.2-2]; one that is newer than MQTT
        // 5 more likely reads the form of MQTT 5.
        let version = if level <= 3 { ProtocolVersion::V311 } else { ProtocolVersion::V5 };
        answer = Some((version, ConnAck::new(violation.reason_code())));
    }
    ConnectFailure {
        cause: DisconnectCause::Violation(violation),
        answer,
        answer_bytes_max: PACKET_BYTES_LARGEST,
    }
}

/// What answers a CONNECT that the session itself refuses.
fn answer_to(version: ProtocolVersion, cause: &DisconnectCause) -> Option<(ProtocolVersion, ConnAck)> {
    let (reason, text) = match cause {
        DisconnectCause::Violation(violation) => (violation.reason_code(), violation.to_string()),
        DisconnectCause::NotSupported(what) => (what.reason_code(), what.to_string()),
        DisconnectCause::Client { .. }
        | DisconnectCause::KeepAlive { .. }
        | DisconnectCause::ConnectTimeout
        | DisconnectCause::Refused(_)
        | DisconnectCause::ClosedSilently
        | DisconnectCause::Server(_) => return None,
    };
    let reason = match (version, cause) {
        (ProtocolVersion::V5, _) => reason,
        // Return code 3 would say "come back later", and 5 is the only one that a client takes for final.
        (ProtocolVersion::V311, DisconnectCause::NotSupported(_)) => ReasonCode::NotAuthorized,
        (ProtocolVersion::V311, _) if reason == ReasonCode::ClientIdentifierNotValid => reason,
        // A CONNECT of MQTT 3.1.1 that breaks the protocol is not answered [MQTT-3.1.4-1].
        (ProtocolVersion::V311, _) => return None,
    };
    Some((version, ConnAck { reason_string: Some(text.into()), ..ConnAck::new(reason) }))
}
