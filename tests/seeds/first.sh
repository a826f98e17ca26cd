#!/usr/bin/env bash
# The first seed, "Just in time registration (JITR)", command by command, against a server of Landfall.
#
#   first.sh [python|node]
#
# It needs `landfall` and `aws` on PATH, the exports of `landfall env` (the AWS environment variables), and a server started
# with `landfall serve --registrar rules`. It works in the current directory. The seed's commands stand as it prints them;
# what it leaves to be filled in (<YOUR-REGION_HERE> and its like) is a variable here, and what it leaves to a browser, or to
# Docker, says so.
set -euo pipefail

language=${1:-python}
seeds=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${LANDFALL_DATA:-landfall-data}
devices=${LANDFALL_SEED_DEVICES:-20}

echo "## Building a simulation public key infrastructure"

openssl genrsa -out rootCA.key 2048

# "Fill the signing form": country, state, locality, organization, unit, common name, e-mail.
printf '\n\n\n\n\nrootCA\n\n' |
  openssl req -x509 -new -nodes -key rootCA.key -sha256 -days 1024 -out rootCA.pem

aws iot get-registration-code
# "Save this code for the next step"
registration_code=$(aws iot get-registration-code --query registrationCode --output text)

openssl genrsa -out verificationCert.key 2048

# "Set the Common Name field of the certificate with the registration code"; then a challenge password and a company name.
printf '\n\n\n\n\n%s\n\n\n\n' "$registration_code" |
  openssl req -new -key verificationCert.key -out verificationCert.csr

openssl x509 -req -in verificationCert.csr -CA rootCA.pem -CAkey rootCA.key -CAcreateserial -out verificationCert.pem -days 500 -sha256

aws iot register-ca-certificate --ca-certificate file://rootCA.pem --verification-cert file://verificationCert.pem --set-as-active --allow-auto-registration

echo "## Create the JITR lambda function"

# The seed makes a role in IAM's console. Landfall takes any well-formed role ARN and serves no IAM.
YOUR_REGION_HERE=${AWS_REGION:-us-east-1}
LAMBDA_ROLE_ARN_HERE=arn:aws:iam::000000000000:role/jitr

# The seed's zip is not public; this is ours, from the folder beside this script.
case $language in
python)
  handler=lambda_function.lambda_handler runtime=python3.7
  (cd "$seeds/jitr-python" && python3 -m zipfile -c "$OLDPWD/jitr-lambda.zip" lambda_function.py)
  ;;
node)
  handler=index.handler runtime=nodejs10.x
  (cd "$seeds/jitr-node" && python3 -m zipfile -c "$OLDPWD/jitr-lambda.zip" index.js)
  ;;
*)
  echo "usage: first.sh [python|node]" >&2
  exit 2
  ;;
esac

aws lambda create-function \
    --region $YOUR_REGION_HERE \
    --function-name jitr \
    --zip-file fileb://./jitr-lambda.zip \
    --role $LAMBDA_ROLE_ARN_HERE \
    --handler $handler \
    --runtime $runtime \
    --timeout 30 \
    --memory-size 256

YOUR_LAMBDA_ARN_HERE=$(aws lambda get-function --function-name jitr --query Configuration.FunctionArn --output text)

echo "## Create the JITR rule action"

aws iot create-topic-rule --rule-name JITRRule \
  --topic-rule-payload "{
        \"sql\": \"SELECT * FROM '\$aws/events/certificates/registered/#' WHERE certificateStatus = \\\"PENDING_ACTIVATION\\\"\",
        \"description\": \"Rule for JITR\",
        \"actions\": [
            {
                \"lambda\": {
                    \"functionArn\": \"$YOUR_LAMBDA_ARN_HERE\"
                }
            }
        ]
     }"

echo "## Testing the registration flow"

mkdir -p iotdevice
mv rootCA.key ./iotdevice/rootCA.key
mv rootCA.pem ./iotdevice/rootCA.pem
# In the place of `docker build --tag golden-image-jitr .`: nothing. The simulator makes the devices in one process.

aws iot describe-endpoint \
--endpoint-type iot:Data-ATS
YOUR_ENDPOINT_HERE=$(aws iot describe-endpoint --endpoint-type iot:Data-ATS --query endpointAddress --output text)

# In the place of `python3 simulate_fleet.py -e <YOUR-ENDPOINT-HERE> -n 20`.
landfall simulate --profile plain -e "$YOUR_ENDPOINT_HERE:${LANDFALL_MQTT_PORT:-8883}" -n "$devices" \
  --ca ./iotdevice/rootCA.pem --ca-key ./iotdevice/rootCA.key -a "$data/server-ca.pem"

# "Under things, you should see the device populating the registry list with random UUIDs"
aws iot list-things
