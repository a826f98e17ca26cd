// Just-in-time registration by a Lambda function, as the first seed has it, with the AWS SDK for JavaScript v2: invoked by
// the rule on the registration event, it makes the device's thing and policy, attaches them, and activates the certificate
// last.
'use strict';

const { X509Certificate } = require('crypto');
const AWS = require('aws-sdk');

const iot = new AWS.Iot({ region: process.env.AWS_REGION });

exports.handler = async (event) => {
  const { certificateId, awsAccountId } = event;
  const described = await iot.describeCertificate({ certificateId }).promise();
  const { certificateArn, certificatePem } = described.certificateDescription;
  const { subject } = new X509Certificate(certificatePem);
  const thingName = subject.split('\n').find((line) => line.startsWith('CN=')).slice(3);

  // Each step can be repeated: the event comes again when the device connects again, or when this function failed.
  await iot.createThing({ thingName }).promise();
  await iot.attachThingPrincipal({ thingName, principal: certificateArn }).promise();
  const policyDocument = policy(`arn:aws:iot:${process.env.AWS_REGION}:${awsAccountId}`);
  try {
    await iot.createPolicy({ policyName: 'jitr', policyDocument }).promise();
  } catch (error) {
    if (error.code !== 'ResourceAlreadyExistsException') throw error;
  }
  await iot.attachPrincipalPolicy({ policyName: 'jitr', principal: certificateArn }).promise();
  await iot.updateCertificate({ certificateId, newStatus: 'ACTIVE' }).promise();
  console.log(`${thingName} registered`);
  return { thingName };
};

// The variable is the broker's to fill in: the name of the thing that the connecting certificate is attached to.
function policy(arn) {
  const own = '${iot:Connection.Thing.ThingName}';
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/${own}` },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}:topic/device/${own}` },
    ],
  });
}
