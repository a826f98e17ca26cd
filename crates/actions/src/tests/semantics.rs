//! What becomes of a message.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_event_invokes_the_function_and_leaves_no_trace() {
    let world = World::with_function(returned).await;
    let running = world.start().await;
    running.publish_event(1);
    let invocations = world.functions.invocations().reached(1).await;
    assert_eq!(invocations[0].event, event(1));
    sleep(Duration::from_secs(1)).await;
    running.mark(&*world.registry, 1).await;
    assert_eq!(world.rows().await, []);
    assert_eq!(running.counted("landfall_rule_matches_total"), 1);
    let delivered = "landfall_rule_attempts_total{action=\"lambda\",outcome=\"delivered\"}";
    assert_eq!((running.counted(delivered), running.counted("landfall_rule_deliveries_waiting")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn only_what_matches_is_evaluated_and_only_what_holds_is_delivered() {
    let world = World::with_function(returned).await;
    let running = world.start().await;
    running.publish("a/b", "{}", Publisher::Api);
    let active = event(1).replace("PENDING_ACTIVATION", "ACTIVE");
    let topic = "$aws/events/certificates/registered/x";
    running.publish(topic, &active, Publisher::Event(EventId::new(1)));
    running.publish(topic, "no JSON", Publisher::Event(EventId::new(2)));
    sleep(Duration::from_secs(1)).await;
    assert!(world.functions.invocations().all().is_empty());
    assert_eq!(running.counted("landfall_rule_matches_total"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_is_invoked_again_after_growing_waits() {
    let world = World::with_function(|_| failed()).await;
    let running = world.start().await;
    running.publish_event(1);
    running.publish_event(2);
    let rows = world.until(&[DeliveryStatus::Dead, DeliveryStatus::Dead]).await;
    assert_eq!(world.functions.invocations().all().len(), 24);
    for (number, row) in [1, 2].into_iter().zip(rows) {
        assert_eq!((row.attempts_failed, row.attempts.len()), (12, 12));
        assert_eq!(row.certificate, Some(CertificateId::from_sha256([number; 32])));
        let waits = row.attempts.windows(2).map(|pair| pair[1].at.since(pair[0].at));
        for (failures, wait) in (0_u32..).zip(waits) {
            let most = (Duration::from_millis(200) * 2_u32.pow(failures)).min(Duration::from_secs(60));
            // The clock of the test counts in milliseconds, as the timer of the runtime does.
            let slack = Duration::from_millis(2);
            assert!(wait + slack >= most / 2 && wait <= most + slack, "{failures}: {wait:?} of {most:?}");
        }
        let problem = &*row.attempts[0].problem;
        assert_eq!(problem, "the function failed: Runtime.ExitError: signal 9");
    }
}

#[tokio::test(start_paused = true)]
async fn the_history_of_what_failed_at_first_is_kept() {
    let world = World::with_function(returned).await;
    world.functions.fail_next(3, &ServiceFailure::passing("TooManyRequestsException: all are busy"));
    let running = world.start().await;
    running.publish_event(1);
    let rows = world.until(&[DeliveryStatus::Delivered]).await;
    assert_eq!((rows[0].attempts_failed, world.functions.invocations().all().len()), (3, 1));
    assert_eq!(&*rows[0].attempts[2].problem, "TooManyRequestsException: all are busy");
    let retried = "landfall_rule_attempts_total{action=\"lambda\",outcome=\"retried\"}";
    assert_eq!(running.counted(retried), 3);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_goes_to_the_error_action_at_once() {
    let world = World::new();
    let mut rule = jitr_rule();
    rule["errorAction"] = republish_to("errors/${topic(2)}");
    world.create_rule("jitr", &rule).await;
    let running = world.start().await;
    let began = Instant::now();
    running.publish_event(1);
    let published = world.publisher.publications().reached(1).await;
    assert!(began.elapsed() < Duration::from_millis(20), "{:?}", began.elapsed());
    assert_eq!(published[0].message.topic.as_str(), "errors/events");
    let told: Value = serde_json::from_slice(&published[0].message.payload).unwrap();
    assert_eq!((&told["ruleName"], &told["clientId"]), (&json!("jitr"), &json!("n/a")));
    let failure = json!({
        "failedAction": "LambdaAction",
        "failedResource": "jitr",
        "errorMessage": "ResourceNotFoundException: there is no function jitr",
    });
    assert_eq!(told["failures"], json!([failure]));
    let rows = world.until(&[DeliveryStatus::HandledByErrorAction]).await;
    assert_eq!((rows[0].action, rows[0].attempts_failed), (DeliveryAction::Action(0), 1));
}

#[tokio::test(start_paused = true)]
async fn the_error_action_is_tried_as_often_as_any_and_then_is_a_dead_letter() {
    let world = World::new();
    world.functions.insert(FunctionName::parse("errors").unwrap(), |_| future::ready(failed()));
    let mut rule = jitr_rule();
    rule["errorAction"] = json!({ "lambda": { "functionArn": ARN.replace("jitr", "errors") } });
    world.create_rule("jitr", &rule).await;
    let _running = world.start().await;
    _running.publish_event(1);
    let rows = world.until(&[DeliveryStatus::Dead, DeliveryStatus::HandledByErrorAction]).await;
    assert_eq!((rows[0].action, rows[0].attempts_failed), (DeliveryAction::ErrorAction, 12));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_for_goes_to_the_error_action() {
    let world = World::new();
    let rule = json!({
        "sql": "SELECT * FROM 'a'",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [republish_to("b/${wrong}/c"), republish_to("ok"), republish_to("${wrong}")],
        "errorAction": republish_to("errors"),
    });
    world.create_rule("r", &rule).await;
    // Without an error action there is nobody to tell.
    let mut silent = rule.clone();
    silent.as_object_mut().unwrap().remove("errorAction");
    world.create_rule("silent", &silent).await;
    // Only an object has members that others can be added to.
    let mut evaluation = rule.clone();
    evaluation["sql"] = json!("SELECT *, 1 AS x FROM 'c'");
    world.create_rule("evaluation", &evaluation).await;
    let running = world.start().await;

    running.publish("a", r##"{"wrong": "#"}"##, Publisher::Api);
    let published = world.publisher.publications().reached(3).await;
    let mut topics: Vec<_> = published.iter().map(|each| each.message.topic.as_str()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["errors", "ok", "ok"]);
    let errors = published.iter().find(|each| each.message.topic.as_str() == "errors").unwrap();
    let told: Value = serde_json::from_slice(&errors.message.payload).unwrap();
    let resources: Vec<_> =
        told["failures"].as_array().unwrap().iter().map(|f| &f["failedResource"]).collect();
    assert_eq!(resources, ["actions[0].republish.topic", "actions[2].republish.topic"]);
    assert_eq!(running.counted("landfall_rule_evaluations_failed_total"), 4);

    running.publish("c", "no JSON", Publisher::Api);
    let published = world.publisher.publications().reached(4).await;
    let told: Value = serde_json::from_slice(&published[3].message.payload).unwrap();
    assert_eq!(
        (&told["failures"][0]["failedAction"], told["failures"].as_array().unwrap().len()),
        (&json!("Rule"), 1)
    );
    assert_eq!(world.rows().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_payload_beyond_the_limit_is_for_no_rule() {
    let world = World::new();
    world.create_rule("r", &republish_rule("a", "b")).await;
    let running = world.start().await;
    running.publish("a", &" ".repeat(128 * 1_024 + 1), Publisher::Api);
    assert_eq!(running.counted("landfall_rule_evaluations_failed_total"), 1);
    running.publish("a", &" ".repeat(128 * 1_024), Publisher::Api);
    assert_eq!(world.publisher.publications().reached(1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_basic_ingest_goes_to_the_rule_that_it_names() {
    let world = World::new();
    world.create_rule("all", &republish_rule("#", "never")).await;
    world.create_rule("named", &republish_rule("x", "to/${topic()}")).await;
    let running = world.start().await;
    running.publish("$aws/rules/named/a/b", "{}", Publisher::Api);
    running.publish("$aws/rules/absent/a/b", "{}", Publisher::Api);
    sleep(Duration::from_secs(1)).await;
    let published = world.publisher.publications().all();
    let topics: Vec<_> = published.iter().map(|each| each.message.topic.as_str()).collect();
    assert_eq!(topics, ["to/a/b"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_rule_counts_for_the_next_message() {
    let world = World::new();
    let running = world.start().await;
    let name = RuleName::parse("r").unwrap();
    running.publish("a", "{}", Publisher::Api);
    world.create_rule("r", &republish_rule("a", "first")).await;
    running.publish("a", "{}", Publisher::Api);
    let mut transaction = Transaction::new();
    let document = republish_rule("a", "second").to_string().into();
    transaction.replace_topic_rule(name.clone(), document, false, world.clock.now());
    world.registry.commit(transaction).await.unwrap();
    running.publish("a", "{}", Publisher::Api);
    let mut transaction = Transaction::new();
    transaction.set_topic_rule_disabled(name, true, world.clock.now());
    world.registry.commit(transaction).await.unwrap();
    running.publish("a", "{}", Publisher::Api);
    sleep(Duration::from_secs(1)).await;
    let published = world.publisher.publications().all();
    let topics: Vec<_> = published.iter().map(|each| each.message.topic.as_str()).collect();
    assert_eq!(topics, ["first", "second"]);
}

/// Publishes back into the engine, as the broker does.
#[derive(Default)]
struct Loop {
    engine: Mutex<Weak<Engine>>,
    depths: Mutex<Vec<u8>>,
    /// Where somebody else publishes, once for every so many messages that come back.
    beside: Option<&'static str>,
}

impl Loop {
    const BESIDE_EVERY: usize = 10;
}

#[async_trait]
impl MessagePublisher for Loop {
    async fn publish(&self, message: Message, _expires_after: Option<Duration>, depth: u8) {
        let published = {
            let mut depths = self.depths.lock().unwrap();
            depths.push(depth);
            depths.len()
        };
        let Some(engine) = self.engine.lock().unwrap().upgrade() else { return };
        engine.published(PublishedMessage { message: &message, publisher: Publisher::Rule { depth } });
        if let Some(topic) = self.beside.filter(|_| published.is_multiple_of(Self::BESIDE_EVERY)) {
            let topic = TopicName::parse(topic).unwrap();
            let beside = Message::new(topic, Bytes::from_static(b"{}"), QoS::AtMostOnce);
            engine.published(PublishedMessage { message: &beside, publisher: Publisher::Api });
        }
    }
}

/// An engine whose messages come back to it.
async fn start_looped(world: &World, publisher: &Arc<Loop>) -> Running {
    let running = world.build().await;
    *publisher.engine.lock().unwrap() = Arc::downgrade(&running.engine);
    running.engine.spawn(Arc::clone(publisher) as _, &running.stopping);
    running
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_rules_is_cut() {
    let world = World::new();
    let mut rule = republish_rule("a/#", "a/b");
    rule["errorAction"] = republish_to("errors");
    world.create_rule("r", &rule).await;
    let publisher = Arc::new(Loop::default());
    let running = start_looped(&world, &publisher).await;
    running.publish("a/a", "{}", Publisher::Api);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(*publisher.depths.lock().unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(world.rows().await, [], "the end of a loop is no dead letter");
    assert_eq!(running.counted("landfall_rule_loops_cut_total"), 1);
    let cut = "landfall_rule_attempts_total{action=\"republish\",outcome=\"cut\"}";
    assert_eq!(running.counted(cut), 1);
    assert_eq!(running.counted("landfall_rule_deliveries_waiting"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_multiplies_messages_takes_no_room_of_others() {
    let mut world = World::with_function(returned).await;
    world.limits.deliveries_waiting_max = 800;
    let mut rule = republish_rule("a", "a");
    rule["actions"] = Value::from(vec![republish_to("a"); 10]);
    world.create_rule("r", &rule).await;
    let mut other = jitr_rule();
    other["sql"] = json!("SELECT * FROM 'b'");
    world.create_rule("other", &other).await;
    let publisher = Arc::new(Loop { beside: Some("b"), ..Loop::default() });
    let running = start_looped(&world, &publisher).await;
    running.publish("a", "{}", Publisher::Api);
    sleep(Duration::from_secs(5)).await;

    let published = publisher.depths.lock().unwrap().len();
    assert!((200..5_000).contains(&published), "{published}");
    assert_eq!(world.functions.invocations().all().len(), published / Loop::BESIDE_EVERY);
    assert!(running.counted("landfall_rule_loops_cut_total") > 0);
    assert!(running.counted("landfall_rule_deliveries_dropped_total") > 0);
    assert_eq!((running.counted("landfall_rule_deliveries_waiting"), world.rows().await), (0, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn each_action_reaches_its_service() {
    let world = World::new();
    let arn = QueueArn::parse("arn:aws:sqs:us-east-1:000000000000:q").unwrap();
    let queue = world.queues.create(&arn);
    world.tables.create("one", &["id", "at"]);
    world.tables.create("two", &["id"]);
    let table = |operation: &str, id: &str| {
        json!({ "dynamoDB": {
            "roleArn": ROLE, "tableName": "one", "operation": operation, "payloadField": "data",
            "hashKeyField": "id", "hashKeyValue": id, "hashKeyType": "STRING",
            "rangeKeyField": "at", "rangeKeyValue": "7", "rangeKeyType": "NUMBER",
        } })
    };
    let rule = json!({
        "sql": "SELECT * FROM 'a'",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [
            { "sqs": { "roleArn": ROLE, "queueUrl": queue.as_str(), "useBase64": false } },
            table("INSERT", "inserted"),
            table("UPDATE", "updated"),
            table("DELETE", "deleted"),
            { "dynamoDBv2": { "roleArn": ROLE, "putItem": { "tableName": "two" } } },
            { "cloudwatchMetric": {
                "roleArn": ROLE, "metricNamespace": "n", "metricName": "m", "metricValue": "${id}",
                "metricUnit": "Count", "metricTimestamp": "5",
            } },
            { "exec": { "command": ["/bin/true"] } },
            { "http": { "url": "http://127.0.0.1:1/x", "confirmationUrl": "http://127.0.0.1:1/" } },
        ],
    });
    world.create_rule("r", &rule).await;
    let running = world.start().await;
    running.publish("a", r#"{"id": "12"}"#, Publisher::Api);
    let rows = world.until(&[DeliveryStatus::Dead, DeliveryStatus::Dead]).await;
    let mut problems: Vec<_> = rows.iter().map(|row| row.attempts[0].problem.to_string()).collect();
    problems.sort_unstable();
    assert_eq!(
        problems,
        [
            "there is no destination http://127.0.0.1:1/: create it with CreateTopicRuleDestination, and confirm it",
            "this server runs no programs: rule action exec is switched off",
        ]
    );
    assert_eq!(world.queues.bodies(&queue), [r#"{"id": "12"}"#]);
    let text = |text: &str| ItemValue::Text(text.to_owned());
    let data = ItemValue::Map([("id".to_owned(), text("12"))].into());
    let items = world.tables.items("one");
    let found: Vec<_> = items.iter().map(|item| (&item["id"], &item["at"], &item["data"])).collect();
    let at = ItemValue::Number("7".to_owned());
    assert_eq!(found, [(&text("inserted"), &at, &data), (&text("updated"), &at, &data)]);
    assert_eq!(world.tables.items("two"), [[("id".to_owned(), text("12"))].into()]);
    let [(namespace, datum)] = world.metrics.data().all().try_into().unwrap();
    assert_eq!((namespace.as_str(), datum.name.as_str(), datum.unit.as_str()), ("n", "m", "Count"));
    assert_eq!((datum.value.to_string().as_str(), datum.at), ("12", UnixTime::from_secs(5)));
}
