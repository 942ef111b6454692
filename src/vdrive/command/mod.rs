//! The commands of the drive, a handler a command, and the table that leads to them.

mod capacity;
mod cd;
mod close;
mod configuration;
mod dvd;
mod event;
mod features;
mod format;
mod information;
mod mode;
mod read;
mod read_cd;
mod speed;
mod structure;
mod sub_channel;
mod toc;
mod tray;
mod unit;
mod write;

use std::time::Duration;

use super::drive::Drive;
use super::fault::Command;
use super::refusal::Refusal;
use crate::mmc::cdb::{self, Cdb, Transfer};
use crate::mmc::msf::Msf;
use crate::mmc::profile::WriteModel;
use crate::mmc::{Opcode, Sense};

/// A command as it came.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its bytes.
    pub cdb: &'a [u8],
    /// The host's data.
    pub data: &'a [u8],
    /// The time.
    pub now: Duration,
}

impl Call<'_> {
    /// The command as its struct, if it is whole.
    pub fn fields<C: Cdb>(&self) -> Result<C, Refusal> {
        C::read(self.cdb).ok_or(Refusal::BadField { byte: 0 })
    }

    /// The command as its struct, if it is whole and the host sends as many bytes as it announces.
    pub fn read<C: Cdb>(&self) -> Result<C, Refusal> {
        let cdb: C = self.fields()?;
        match cdb.transfer() {
            Transfer::ToDrive(bytes) if bytes != self.data.len() => Err(Refusal::ParameterLength),
            _ => Ok(cdb),
        }
    }
}

/// Bytes that a command of reading brings at most: as much as the kernel asks for at once.
const LONGEST: usize = 65_535 * 512;

/// What a command that succeeds gives.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Bytes for the host.
    pub data: Vec<u8>,
    /// How long it takes.
    pub takes: Duration,
}

impl Answer {
    /// Data, cut to what the host takes.
    pub fn data(cdb: &impl Cdb, data: impl Into<Vec<u8>>) -> Self {
        let mut data = data.into();
        data.truncate(cdb.transfer().bytes());
        Self { data, takes: Duration::ZERO }
    }
}

/// When a command is carried out at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Always: news wait for the next command.
    Always,
    /// Once the news are told.
    Told,
    /// When no operation runs, either.
    Idle,
    /// When a disc is ready, besides.
    Ready,
}

type Handler = fn(&mut Drive, &Call<'_>) -> Result<Answer, Refusal>;

#[rustfmt::skip]
const TABLE: &[(Opcode, Gate, Handler)] = &[
    (Opcode::TEST_UNIT_READY,        Gate::Ready,  unit::test_unit_ready),
    (Opcode::REQUEST_SENSE,          Gate::Always, unit::request_sense),
    (Opcode::INQUIRY,                Gate::Always, unit::inquiry),
    (Opcode::START_STOP_UNIT,        Gate::Idle,   tray::start_stop),
    (Opcode::PREVENT_ALLOW,          Gate::Told,   tray::prevent_allow),
    (Opcode::GET_EVENT_STATUS,       Gate::Always, event::get_event_status),
    (Opcode::GET_CONFIGURATION,      Gate::Always, configuration::get_configuration),
    (Opcode::MODE_SENSE_10,          Gate::Told,   mode::sense_10),
    (Opcode::MODE_SENSE_6,           Gate::Told,   mode::sense_6),
    (Opcode::MODE_SELECT_10,         Gate::Told,   mode::select_10),
    (Opcode::READ_CAPACITY,          Gate::Ready,  capacity::read_capacity),
    (Opcode::READ_FORMAT_CAPACITIES, Gate::Idle,   capacity::read_format_capacities),
    (Opcode::READ_BUFFER_CAPACITY,   Gate::Told,   capacity::read_buffer_capacity),
    (Opcode::READ_10,                Gate::Ready,  read::read_10),
    (Opcode::READ_12,                Gate::Ready,  read::read_12),
    (Opcode::VERIFY_10,              Gate::Ready,  read::verify_10),
    (Opcode::READ_CD,                Gate::Ready,  read_cd::read_cd),
    (Opcode::READ_CD_MSF,            Gate::Ready,  read_cd::read_cd_msf),
    (Opcode::READ_SUB_CHANNEL,       Gate::Ready,  sub_channel::read_sub_channel),
    (Opcode::READ_TOC,               Gate::Ready,  toc::read_toc),
    (Opcode::READ_DISC_INFORMATION,  Gate::Ready,  information::read_disc_information),
    (Opcode::READ_TRACK_INFORMATION, Gate::Ready,  information::read_track_information),
    (Opcode::READ_DISC_STRUCTURE,    Gate::Ready,  structure::read_disc_structure),
    (Opcode::SEND_DISC_STRUCTURE,    Gate::Ready,  structure::send_disc_structure),
    (Opcode::WRITE_10,               Gate::Ready,  write::write_10),
    (Opcode::WRITE_12,               Gate::Ready,  write::write_12),
    (Opcode::SEND_CUE_SHEET,         Gate::Ready,  cd::send_cue_sheet),
    (Opcode::SYNCHRONIZE_CACHE,      Gate::Ready,  write::synchronize_cache),
    (Opcode::RESERVE_TRACK,          Gate::Ready,  close::reserve_track),
    (Opcode::CLOSE_TRACK_SESSION,    Gate::Ready,  close::close_track_session),
    (Opcode::BLANK,                  Gate::Ready,  close::blank),
    (Opcode::FORMAT_UNIT,            Gate::Ready,  format::format_unit),
    (Opcode::SEND_OPC,               Gate::Ready,  close::send_opc),
    (Opcode::SET_CD_SPEED,           Gate::Idle,   speed::set_cd_speed),
    (Opcode::SET_STREAMING,          Gate::Ready,  speed::set_streaming),
    (Opcode::GET_PERFORMANCE,        Gate::Idle,   speed::get_performance),
];

/// Carries out a command.
pub fn execute(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let opcode = Opcode(call.cdb.first().copied().unwrap_or_default());
    let Some((_, gate, handler)) = TABLE.iter().find(|(known, ..)| *known == opcode) else {
        return Err(Refusal::UnknownCommand);
    };
    pass(drive, *gate, call.now)?;
    handler(drive, call)
}

/// What a fault can look at in a command.
pub fn describe(bytes: &[u8]) -> Command {
    let opcode = Opcode(bytes.first().copied().unwrap_or_default());
    let (lba, blocks) = match opcode {
        Opcode::READ_10 => {
            place(cdb::Read10::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks.get().into())))
        }
        Opcode::READ_12 => place(cdb::Read12::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks.get()))),
        Opcode::WRITE_10 => {
            place(cdb::Write10::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks.get().into())))
        }
        Opcode::WRITE_12 => place(cdb::Write12::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks.get()))),
        Opcode::VERIFY_10 => {
            place(cdb::Verify10::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks.get().into())))
        }
        Opcode::READ_CD_MSF => place(
            cdb::ReadCdMsf::read(bytes)
                .map(|cdb| (Msf::new(cdb.start[0], cdb.start[1], cdb.start[2]).lba(), cdb.blocks())),
        ),
        Opcode::READ_CD => place(cdb::ReadCd::read(bytes).map(|cdb| (cdb.lba.get(), cdb.blocks()))),
        _ => (None, 0),
    };
    let variant = match opcode {
        Opcode::START_STOP_UNIT => cdb::StartStopUnit::read(bytes).map_or(0, |cdb| cdb.action),
        Opcode::CLOSE_TRACK_SESSION => cdb::CloseTrackSession::read(bytes).map_or(0, |cdb| cdb.function),
        _ => 0,
    };
    Command { opcode, lba, blocks, variant }
}

/// Tells the ledger that a command came.
pub fn witness(drive: &mut Drive, command: &Command) {
    match command.opcode {
        // Where anything can be overwritten, nothing is lost by a repetition.
        Opcode::WRITE_10 | Opcode::WRITE_12 if drive.profile().write_model() == WriteModel::Overwrite => {}
        Opcode::WRITE_10 | Opcode::WRITE_12 => {
            drive.ledger.write_begins(command.lba.unwrap_or_default(), command.blocks);
        }
        Opcode::READ_TRACK_INFORMATION => drive.ledger.settled(),
        _ => {}
    }
}

/// Tells the ledger that a command failed.
pub fn refused(drive: &mut Drive, command: &Command, sense: Sense) {
    if matches!(command.opcode, Opcode::WRITE_10 | Opcode::WRITE_12) {
        drive.ledger.write_failed(command.lba.unwrap_or_default(), command.blocks, sense);
    }
}

fn pass(drive: &mut Drive, gate: Gate, now: Duration) -> Result<(), Refusal> {
    if gate == Gate::Always {
        return Ok(());
    }
    if let Some(sense) = drive.news.attention.pop_front() {
        return Err(Refusal::Scripted(sense));
    }
    if gate == Gate::Told {
        return Ok(());
    }
    if let Some(operation) = &drive.operation {
        return Err(operation.refusal(now));
    }
    if gate == Gate::Ready { drive.ready_medium().map(|_| ()) } else { Ok(()) }
}

fn place(place: Option<(i32, u32)>) -> (Option<i32>, u32) {
    place.map_or((None, 0), |(lba, blocks)| (Some(lba), blocks))
}
