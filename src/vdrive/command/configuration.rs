//! GET CONFIGURATION: the features, as many as are carried out and no more (MMC-6).

use super::features::of_dvd_and_bd;
use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::GetConfiguration;
use crate::mmc::feature::{Configuration, Feature, code};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Medium, Rules};
use crate::vdrive::refusal::Refusal;

/// All features, the current ones, or one.
pub fn get_configuration(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: GetConfiguration = call.read()?;
    let start = cdb.start.get();
    let wanted = |feature: &Feature| match cdb.which & 3 {
        GetConfiguration::ALL => feature.code >= start,
        GetConfiguration::CURRENT => feature.code >= start && feature.current,
        _ => feature.code == start,
    };
    if cdb.which & 3 == 3 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let mut features = features(drive);
    features.retain(wanted);
    let configuration = Configuration { current: drive.profile(), features };
    Ok(Answer::data(&cdb, configuration.emit()))
}

fn features(drive: &Drive) -> Vec<Feature> {
    let profile = drive.profile();
    let cd = profile.is_cd();
    let disc = drive.ready_medium().ok().map(Medium::layout);
    let blocking = u8::try_from(profile.alignment()).unwrap_or(1);
    let cue_sheet = super::cd::max_cue_sheet().to_be_bytes();
    let serial: Vec<u8> = drive.options.serial.bytes().take(64).collect();
    let always = |code, version, data: &[u8]| Feature {
        code,
        version,
        persistent: true,
        current: true,
        data: data.into(),
    };
    let with = |code, version, current, data: &[u8]| Feature {
        code,
        version,
        persistent: false,
        current,
        data: data.into(),
    };
    let mut features = vec![
        always(code::PROFILE_LIST, 0, &profile_list(profile)),
        // Physical interface: unspecified SCSI family; INQ2 none, DBE none.
        always(code::CORE, 2, &[0, 0, 0, 1, 0, 0, 0, 0]),
        // Operational change events are not asynchronous.
        always(code::MORPHING, 1, &[0, 0, 0, 0]),
        // Tray, ejects, locks.
        always(code::REMOVABLE, 1, &[0x39, 0, 0, 0]),
        with(code::RANDOM_READABLE, 0, disc.is_some(), &[0, 0, 8, 0, 0, blocking, 0, 0]),
        // C2 pointers, CD-TEXT.
        with(code::CD_READ, 2, cd, &[0x03, 0, 0, 0]),
        // Underrun protection, test write, CD-RW; data block types 0 and 8 to 13.
        with(code::CD_TAO, 2, cd, &[0x46, 0, 0x3f, 0x01]),
        // Underrun protection, session at once, raw also in sessions, test write, CD-RW, R-W sub-channels.
        with(code::CD_MASTERING, 0, cd, &[0x7f, cue_sheet[1], cue_sheet[2], cue_sheet[3]]),
        with(code::CD_RW_WRITE, 0, profile == Profile::CD_RW, &[0, 0xff, 0, 0]),
        always(code::POWER, 0, &[]),
        always(code::TIMEOUT, 0, &[]),
        // SET STREAMING, write speed descriptors, page 2Ah speeds, SET CD SPEED, READ BUFFER CAPACITY.
        with(code::REAL_TIME_STREAMING, 4, disc.is_some(), &[0x1f, 0, 0, 0]),
        always(code::SERIAL, 0, &serial),
    ];
    features.extend(of_dvd_and_bd(disc));
    features.sort_by_key(|feature| feature.code);
    features
}

/// Profiles in falling order, the current one marked (MMC-6).
fn profile_list(current: Profile) -> Vec<u8> {
    let mut profiles: Vec<_> = Rules::all().iter().map(|rules| rules.profile).collect();
    profiles.sort_by(|one, other| other.cmp(one));
    let entries = profiles.into_iter().flat_map(|profile| {
        let [high, low] = profile.0.to_be_bytes();
        [high, low, u8::from(profile == current), 0]
    });
    entries.collect()
}
