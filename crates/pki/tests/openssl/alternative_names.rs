use landfall_pki::{AlternativeName, NamePart};

use crate::fixtures::{CA, DEVICE, Lab, P256};

#[test]
fn alternative_names_are_those_that_openssl_wrote() {
    let lab = Lab::new();
    lab.ca("ca", "/CN=root", P256, &format!("{CA}subjectAltName=DNS:ca.example,URI:urn:ca\n"));
    let names = "subjectAltName=email:bulb@example.com,IP:2001:db8::7,DNS:bulb.example,URI:urn:dev:7,IP:192.0.2.7,\
                 otherName:1.2.3.4;UTF8:other,RID:1.2.3.4,dirName:bulb\nissuerAltName=issuer:copy\n";
    let section = "[bulb]\nC=US\nO=IoT\nOU=SmartHome\nCN=LightBulbCert\n";
    let device = lab.device("device", "ca", P256, Some(&format!("{DEVICE}{names}{section}")));
    assert_eq!(
        device.alternative_names(NamePart::Subject),
        [
            AlternativeName::Rfc822("bulb@example.com".into()),
            AlternativeName::Ip("2001:db8::7".parse().unwrap()),
            AlternativeName::Dns("bulb.example".into()),
            AlternativeName::Uri("urn:dev:7".into()),
            AlternativeName::Ip("192.0.2.7".parse().unwrap()),
            AlternativeName::Directory("cn=LightBulbCert,ou=SmartHome,o=IoT,c=US".into()),
        ]
    );
    assert_eq!(
        device.alternative_names(NamePart::Issuer),
        [AlternativeName::Dns("ca.example".into()), AlternativeName::Uri("urn:ca".into())]
    );
    for extensions in [None, Some(DEVICE)] {
        let plain = lab.device("plain", "ca", P256, extensions);
        assert_eq!(plain.alternative_names(NamePart::Subject), [], "{extensions:?}");
    }
}
