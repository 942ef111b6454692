//! What an authority is told of the recorder.

use std::collections::HashMap;

use crate::api;

/// The longest value passed on, in characters: a hostile drive must not fill the authentication dialog.
const LONGEST: usize = 64;

/// What an authority is told of the recorder that an action is about. [`Polkit`](super::Polkit) passes each field
/// on as a detail, under the key given here, for rules to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderDetails {
    /// `recorder.id`: the last element of its object path, `sr0`; `*` when every recorder is meant.
    pub id: String,
    /// `recorder.device`: the device node or socket, `/dev/sr0`.
    pub device: String,
    /// `recorder.vendor`: INQUIRY's vendor identification.
    pub vendor: String,
    /// `recorder.product`: INQUIRY's product identification.
    pub product: String,
    /// `recorder.revision`: INQUIRY's product revision level.
    pub revision: String,
    /// `recorder.serial`: the drive's serial number, or empty.
    pub serial: String,
    /// `recorder.seat`: the seat that the recorder is plugged in at, `seat0`.
    pub seat: String,
    /// `recorder.kind`: `real`, `virtual`, or `every`.
    pub kind: RecorderKind,
}

/// Hardware, software, or all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderKind {
    /// A drive that the kernel knows.
    Real,
    /// A recorder in software.
    Virtual,
    /// Every recorder, those included that will be plugged in later.
    Every,
}

impl RecorderKind {
    /// The kind as rules see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
            Self::Every => "every",
        }
    }
}

impl RecorderDetails {
    /// The details of one recorder. What the drive says of itself is cut to 64 characters, control characters
    /// are left out.
    pub fn new(id: &str, device: &api::Device, identity: &api::Identity, seat: &str) -> Self {
        Self {
            id: plain(id),
            device: plain(&device.path().to_string_lossy()),
            vendor: plain(&identity.vendor),
            product: plain(&identity.product),
            revision: plain(&identity.revision),
            serial: plain(&identity.serial),
            seat: plain(seat),
            kind: match device {
                api::Device::Scsi(_) => RecorderKind::Real,
                api::Device::Virtual(_) => RecorderKind::Virtual,
            },
        }
    }

    /// What stands for every recorder at once, as a session without a `recorder` option locks them.
    pub fn every() -> Self {
        Self {
            id: "*".to_owned(),
            device: String::new(),
            vendor: String::new(),
            product: String::new(),
            revision: String::new(),
            serial: String::new(),
            seat: String::new(),
            kind: RecorderKind::Every,
        }
    }

    /// `recorder.name`: the recorder in a sentence, `HL-DT-ST BD-RE WH16NS60 (sr0)`; the policy's messages use it.
    pub fn title(&self) -> String {
        match (self.kind, self.vendor.as_str(), self.product.as_str()) {
            (RecorderKind::Every, ..) => "every recorder".to_owned(),
            (_, "", "") => self.id.clone(),
            (_, vendor, product) => format!("{} ({})", format!("{vendor} {product}").trim(), self.id),
        }
    }

    /// Keys and values as polkit takes them.
    pub(super) fn pairs<'a>(&'a self, title: &'a str) -> HashMap<&'static str, &'a str> {
        HashMap::from([
            ("recorder.name", title),
            ("recorder.id", self.id.as_str()),
            ("recorder.device", self.device.as_str()),
            ("recorder.vendor", self.vendor.as_str()),
            ("recorder.product", self.product.as_str()),
            ("recorder.revision", self.revision.as_str()),
            ("recorder.serial", self.serial.as_str()),
            ("recorder.seat", self.seat.as_str()),
            ("recorder.kind", self.kind.name()),
        ])
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_cannot_smuggle_lines_or_pages_into_the_dialog() {
        let identity = api::Identity {
            vendor: "ACME\n\u{1b}[2J".to_owned(),
            product: "x".repeat(5000),
            ..Default::default()
        };
        let details = RecorderDetails::new("sr0", &api::Device::Scsi("/dev/sr0".into()), &identity, "seat0");
        assert_eq!(details.vendor, "ACME[2J");
        assert_eq!(details.product.len(), LONGEST);
    }

    #[test]
    fn every_field_reaches_the_rules_under_its_key() {
        let identity = api::Identity {
            vendor: "V".to_owned(),
            product: "P".to_owned(),
            revision: "R".to_owned(),
            serial: "S".to_owned(),
        };
        let details =
            RecorderDetails::new("vd0", &api::Device::Virtual("/r/vd0.sock".into()), &identity, "s1");
        let expected = [
            ("recorder.name", "V P (vd0)"),
            ("recorder.id", "vd0"),
            ("recorder.device", "/r/vd0.sock"),
            ("recorder.vendor", "V"),
            ("recorder.product", "P"),
            ("recorder.revision", "R"),
            ("recorder.serial", "S"),
            ("recorder.seat", "s1"),
            ("recorder.kind", "virtual"),
        ];
        assert_eq!(details.pairs(&details.title()), HashMap::from(expected));
    }
}
