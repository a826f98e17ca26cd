#!/usr/bin/env bash
# The wiring of the second seed's block, by the AWS CLI: a rule sends the registration event to an SQS queue, and an
# event-source mapping polls the queue and invokes the function.
#
#   second-queue.sh SQS_ENDPOINT
#
# It needs what first.sh needs, and a server that was started with `--registrar rules --aws-endpoint-url SQS_ENDPOINT`. The CA
# is made by `landfall ca`, which does what the seed's create-and-register-ca.sh does.
set -euo pipefail

sqs_endpoint=${1:?usage: second-queue.sh SQS_ENDPOINT}
seeds=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${LANDFALL_DATA:-landfall-data}
devices=${LANDFALL_SEED_DEVICES:-20}

landfall ca create --register --data "$data"

# In the block's template: JustInTimeRegistrationQueue.
aws sqs create-queue --endpoint-url "$sqs_endpoint" --queue-name jitr-queue
queue_url=$(aws sqs get-queue-url --endpoint-url "$sqs_endpoint" --queue-name jitr-queue --query QueueUrl --output text)
queue_arn=$(aws sqs get-queue-attributes --endpoint-url "$sqs_endpoint" --queue-url "$queue_url" \
  --attribute-names QueueArn --query Attributes.QueueArn --output text)

# In the block's template: JustInTimeRegistrationRule.
aws iot create-topic-rule --rule-name JustInTimeRegistration --topic-rule-payload "{
  \"sql\": \"SELECT * FROM '\$aws/events/certificates/registered/#'\",
  \"ruleDisabled\": false,
  \"actions\": [{\"sqs\": {
    \"queueUrl\": \"$queue_url\", \"roleArn\": \"arn:aws:iam::000000000000:role/jitr\", \"useBase64\": false}}]
}"

# In the block's template: JustInTimeRegistrationFunction, and the event source of it.
(cd "$seeds/jitr-python" && python3 -m zipfile -c "$OLDPWD/jitr-lambda.zip" lambda_function.py)
aws lambda create-function --function-name jitr --zip-file fileb://./jitr-lambda.zip --handler lambda_function.queue_handler \
  --role arn:aws:iam::000000000000:role/jitr --runtime python3.12 --timeout 30
aws lambda create-event-source-mapping --function-name jitr --event-source-arn "$queue_arn" --batch-size 10

endpoint=$(aws iot describe-endpoint --endpoint-type iot:Data-ATS --query endpointAddress --output text)
landfall simulate --profile plain -e "$endpoint:${LANDFALL_MQTT_PORT:-8883}" -n "$devices" -r root-ca-certs \
  -a "$data/server-ca.pem"
aws iot list-things
