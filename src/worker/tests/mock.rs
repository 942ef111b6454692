//! A drive of few words: enough of CD-R, CD-RW and DVD+R to be recorded, with faults on order and a list of what was
//! done to it against the rules.

use std::time::Duration;

use crate::api::BLOCK;
use crate::mmc::capacity::BufferCapacity;
use crate::mmc::cdb::{
    Blank, Cdb, CloseTrackSession, ModeSense10, Read10, ReadTrackInformation, StartStopUnit, Write10,
};
use crate::mmc::disc_info::{BackgroundFormat, DiscInformation, DiscStatus, SessionState};
use crate::mmc::feature::{Configuration, Feature, code};
use crate::mmc::inquiry::InquiryData;
use crate::mmc::opcode::Opcode;
use crate::mmc::page::{self, Capabilities, MultiSession, WriteParameters, WriteType};
use crate::mmc::performance::WriteSpeed;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;
use crate::mmc::track_info::TrackInformation;
use crate::mmc::transport::{Data, Outcome, Status, Transport, TransportError};

/// What a fault does instead of the command.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Refuses it.
    Sense(Sense),
    /// Refuses it after it has taken so many of its blocks.
    Taken(u32, Sense),
    /// Takes so many of its blocks, and says that all is well.
    Short(u32),
    /// The link breaks.
    Lost,
    /// No answer in time.
    Hang,
}

/// A fault at a command, from its `nth` on, so many times.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub opcode: Opcode,
    /// For WRITE and READ: the command that holds this block.
    pub block: Option<u32>,
    /// Commands that pass before.
    pub skip: u32,
    pub times: u32,
    pub fault: Fault,
}

impl Rule {
    pub const fn at(opcode: Opcode, fault: Fault) -> Self {
        Self { opcode, block: None, skip: 0, times: 1, fault }
    }
}

pub struct Mock {
    pub profile: Profile,
    pub present: bool,
    pub open: bool,
    pub status: DiscStatus,
    pub nwa: i32,
    pub room: u32,
    pub content: Vec<u8>,
    pub locked: bool,
    pub parameters: Option<WriteParameters>,
    pub closed_by: Vec<u8>,
    pub log: Vec<Opcode>,
    pub broken_rules: Vec<String>,
    pub rules: Vec<Rule>,
    /// News that waits to be told.
    pub news: Vec<Sense>,
    /// Polls for which a long operation still runs.
    pub busy: u32,
    pub slowness: u32,
    /// A rule that begins to hold when a link has failed under a write.
    pub busy_after_loss: Option<Rule>,
    /// Announces the closed disc anew, as drives do.
    pub announces: bool,
    dirty: bool,
    test: bool,
    /// Blocks that were written as a test.
    pub tested: u32,
}

impl Mock {
    pub fn new(profile: Profile) -> Self {
        let room = if profile.is_cd() { 359_847 } else { 2_295_104 };
        Self {
            profile,
            present: true,
            open: false,
            status: DiscStatus::Blank,
            nwa: 0,
            room,
            content: Vec::new(),
            locked: false,
            parameters: None,
            closed_by: Vec::new(),
            log: Vec::new(),
            broken_rules: Vec::new(),
            rules: Vec::new(),
            news: vec![Sense::new(6, 0x28, 0)],
            busy: 0,
            slowness: 3,
            busy_after_loss: None,
            announces: false,
            dirty: false,
            test: false,
            tested: 0,
        }
    }

    pub fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    pub fn count(&self, opcode: Opcode) -> usize {
        self.log.iter().filter(|logged| **logged == opcode).count()
    }

    fn require(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.broken_rules.push(rule.to_owned());
        }
    }

    fn fault(&mut self, cdb: &[u8]) -> Option<Fault> {
        let range = Write10::read(cdb)
            .map(|write| (write.lba.get(), write.blocks.get()))
            .or_else(|| Read10::read(cdb).map(|read| (read.lba.get(), read.blocks.get())));
        let holds = |block: u32| {
            range.is_some_and(|(lba, blocks)| (lba..lba + i32::from(blocks)).contains(&block.cast_signed()))
        };
        let rule = self
            .rules
            .iter_mut()
            .find(|rule| rule.opcode.0 == cdb[0] && rule.times > 0 && rule.block.is_none_or(holds))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        Some(rule.fault)
    }

    fn answer(&mut self, cdb: &[u8], data: Data<'_>) -> Result<usize, Sense> {
        let opcode = Opcode(cdb[0]);
        match opcode {
            Opcode::INQUIRY => return Ok(reply(data, &self.inquiry())),
            Opcode::REQUEST_SENSE => {
                return Ok(reply(data, &Sense::new(2, 4, 7).with_progress(0x8000).emit()));
            }
            Opcode::GET_CONFIGURATION => return Ok(reply(data, &self.configuration())),
            _ => {}
        }
        if let Some(news) = self.news.pop() {
            return Err(news);
        }
        if self.busy > 0 && opcode == Opcode::TEST_UNIT_READY {
            self.busy -= 1;
            return Err(Sense::new(2, 0x04, 0x07));
        }
        match opcode {
            Opcode::START_STOP_UNIT => return self.tray(cdb),
            Opcode::PREVENT_ALLOW => {
                self.locked = cdb[4] & 1 != 0;
                return Ok(0);
            }
            Opcode::MODE_SENSE_10 => return self.mode_sense(cdb, data),
            _ if !self.present => return Err(Sense::new(2, 0x3a, if self.open { 2 } else { 1 })),
            _ => {}
        }
        match opcode {
            Opcode::TEST_UNIT_READY | Opcode::SET_CD_SPEED | Opcode::SET_STREAMING => Ok(data.len()),
            Opcode::READ_DISC_INFORMATION => Ok(reply(data, &self.disc_information().emit())),
            Opcode::READ_TRACK_INFORMATION => self.track(cdb, data),
            Opcode::GET_PERFORMANCE => Ok(reply(data, &WriteSpeed::emit_all(&speeds()))),
            Opcode::READ_BUFFER_CAPACITY => {
                let filled = self.content.len() > 2 << 20;
                self.require(filled, "the buffer was asked about before it was full");
                Ok(reply(data, &BufferCapacity { size: 2 << 20, free: 1 << 19 }.emit()))
            }
            Opcode::MODE_SELECT_10 => self.mode_select(data),
            Opcode::WRITE_10 => self.write(cdb, data, u32::MAX),
            Opcode::READ_10 => self.read(cdb, data),
            Opcode::SYNCHRONIZE_CACHE => {
                (self.dirty, self.busy) = (false, self.slowness);
                Ok(0)
            }
            Opcode::CLOSE_TRACK_SESSION => self.close(cdb),
            Opcode::BLANK => self.blank(cdb),
            _ => Err(Sense::new(5, 0x20, 0)),
        }
    }

    fn inquiry(&self) -> Vec<u8> {
        let text = |text: &str| text.to_owned();
        let data = InquiryData {
            device_type: 5,
            vendor: text("MOCK"),
            product: text("DRIVE"),
            revision: text("1.0"),
        };
        data.emit().to_vec()
    }

    fn configuration(&self) -> Vec<u8> {
        let feature = |code, current, data: &[u8]| Feature {
            code,
            version: 0,
            persistent: false,
            current,
            data: data.to_vec(),
        };
        let cd = self.profile.is_cd();
        let current = if self.present { self.profile } else { Profile::NONE };
        let list = [0, 9, 0, 0, 0, 0x0a, 0, 0, 0, 0x1b, 0, 0];
        Configuration {
            current,
            features: vec![
                feature(code::PROFILE_LIST, true, &list),
                feature(code::DVD_PLUS_R, self.present && !cd, &[1, 0, 0, 0]),
                feature(code::CD_TAO, self.present && cd, &[0x46, 0, 0, 0]),
                feature(code::SERIAL, true, b"M0CK\x1b[31m"),
            ],
        }
        .emit()
    }

    fn disc_information(&self) -> DiscInformation {
        let recorded = !self.content.is_empty() || self.status != DiscStatus::Blank;
        DiscInformation {
            status: self.status,
            last_session: if recorded { SessionState::Complete } else { SessionState::Empty },
            erasable: self.profile.is_rewritable(),
            first_track: 1,
            sessions: 1,
            first_track_in_last_session: 1,
            last_track_in_last_session: 1,
            unrestricted: false,
            background_format: BackgroundFormat::None,
            disc_type: 0,
            disc_id: None,
            last_lead_in: 0,
            last_lead_out: if self.profile.is_cd() { 0x004f_3b4a } else { 0 },
            opc_tables: 0,
        }
    }

    fn track(&mut self, cdb: &[u8], data: Data<'_>) -> Result<usize, Sense> {
        let asked = ReadTrackInformation::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        let writable = self.status == DiscStatus::Blank;
        if !matches!(asked.number.get(), 1 | 0xff) || (asked.number.get() == 0xff && !writable) {
            return Err(Sense::new(5, 0x24, 0));
        }
        let recorded = (self.content.len() / BLOCK) as u32;
        let run_out = if self.profile.is_cd() { 2 } else { 0 };
        let track = TrackInformation {
            track: 1,
            session: 1,
            mode: 4,
            blank: recorded == 0,
            next_writable: writable.then_some(self.nwa),
            free: self.room - recorded,
            size: if writable { self.room } else { recorded + run_out },
            ..TrackInformation::default()
        };
        Ok(reply(data, &track.emit()))
    }

    fn mode_sense(&mut self, cdb: &[u8], data: Data<'_>) -> Result<usize, Sense> {
        let asked = ModeSense10::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        let capabilities = Capabilities {
            writes_cd: true,
            writes_cd_rw: true,
            buffer_kib: 2048,
            write_speed: 5645,
            write_speeds: vec![5645, 2822],
            ..Capabilities::default()
        };
        match asked.page & 0x3f {
            0x2a => Ok(reply(data, &page::answer(&capabilities.emit()))),
            0x05 => {
                let own = WriteParameters {
                    write_type: WriteType::Packet,
                    ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
                };
                let own = self.parameters.unwrap_or(own);
                Ok(reply(data, &page::answer(&own.emit())))
            }
            _ => Err(Sense::new(5, 0x24, 0)),
        }
    }

    fn mode_select(&mut self, data: Data<'_>) -> Result<usize, Sense> {
        self.require(self.profile.is_cd(), "page 05h was set for a disc that does not know it");
        let Data::ToDrive(list) = data else { return Err(Sense::new(5, 0x1a, 0)) };
        let parameters = WriteParameters::parse(&list[page::HEADER..]).map_err(|_| Sense::new(5, 0x26, 0))?;
        self.test = parameters.test_write;
        self.parameters = Some(parameters);
        Ok(list.len())
    }

    fn write(&mut self, cdb: &[u8], data: Data<'_>, most: u32) -> Result<usize, Sense> {
        let write = Write10::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        let Data::ToDrive(bytes) = data else { return Err(Sense::new(5, 0x24, 0)) };
        let blocks = u32::from(write.blocks.get());
        self.require(self.locked, "a write while the tray was not locked");
        self.require(
            bytes.len() == blocks as usize * BLOCK,
            "a write of another length than the command says",
        );
        let whole = self.profile.is_cd() || blocks.is_multiple_of(16) && write.lba.get() % 16 == 0;
        self.require(whole, "a write that is no multiple of an ECC block");
        if self.profile.is_cd() && self.parameters.is_none() {
            return Err(Sense::new(5, 0x2c, 0));
        }
        if write.lba.get() != self.nwa.max(0) || self.status != DiscStatus::Blank {
            self.broken_rules.push(format!("a write at {} instead of {}", write.lba.get(), self.nwa));
            return Err(Sense::new(5, 0x21, 2));
        }
        let taken = blocks.min(most);
        self.content.extend_from_slice(&bytes[..taken as usize * BLOCK]);
        self.nwa = self.nwa.max(0) + taken.cast_signed();
        self.tested += if self.test { taken } else { 0 };
        self.dirty = true;
        Ok(bytes.len())
    }

    fn read(&mut self, cdb: &[u8], data: Data<'_>) -> Result<usize, Sense> {
        let read = Read10::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        let from = read.lba.get().unsigned_abs() as usize * BLOCK;
        self.require(
            !self.dirty && self.status != DiscStatus::Blank,
            "a read from a disc that is not closed",
        );
        let Some(bytes) = self.content.get(from..from + usize::from(read.blocks.get()) * BLOCK) else {
            self.broken_rules.push("a read behind the recorded blocks".to_owned());
            return Err(Sense::new(5, 0x21, 0));
        };
        let bytes = bytes.to_vec();
        Ok(reply(data, &bytes))
    }

    fn close(&mut self, cdb: &[u8]) -> Result<usize, Sense> {
        let close = CloseTrackSession::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        self.require(!self.dirty, "something was closed before the buffer was flushed");
        self.require(!self.test, "something was closed after a test write");
        let least = if self.profile.is_cd() { 300 } else { 16 };
        self.require(self.content.len() >= least * BLOCK, "a track was closed that is too short");
        self.closed_by.push(close.function);
        self.busy = self.slowness;
        if close.function != CloseTrackSession::TRACK {
            let more = self.parameters.is_some_and(|page| page.multi_session == MultiSession::More)
                || (!self.profile.is_cd() && close.function == CloseTrackSession::SESSION);
            self.status = if more { DiscStatus::Appendable } else { DiscStatus::Complete };
            if self.announces {
                self.news.push(Sense::new(6, 0x28, 0));
            }
        }
        Ok(0)
    }

    fn blank(&mut self, cdb: &[u8]) -> Result<usize, Sense> {
        Blank::read(cdb).ok_or(Sense::new(5, 0x24, 0))?;
        self.require(self.locked, "the disc was blanked while the tray was not locked");
        (self.status, self.nwa, self.busy) = (DiscStatus::Blank, 0, self.slowness);
        self.content.clear();
        Ok(0)
    }

    fn tray(&mut self, cdb: &[u8]) -> Result<usize, Sense> {
        let action = StartStopUnit::read(cdb).map_or(0, |command| command.action & 3);
        match action {
            2 if self.locked => return Err(Sense::new(5, 0x53, 2)),
            2 => (self.open, self.present) = (true, false),
            3 if self.open => (self.open, self.present, self.busy) = (false, true, self.slowness),
            _ => {}
        }
        Ok(0)
    }
}

impl Transport for Mock {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, limit: Duration) -> Result<Outcome, TransportError> {
        self.log.push(Opcode(cdb[0]));
        let name = "mock".to_owned();
        let answered = match self.fault(cdb) {
            None => self.answer(cdb, data),
            Some(Fault::Sense(sense)) => Err(sense),
            Some(Fault::Taken(blocks, sense)) => {
                self.rules.extend(self.busy_after_loss.take());
                self.write(cdb, data, blocks).and(Err(sense))
            }
            Some(Fault::Short(blocks)) => {
                self.write(cdb, data, blocks).map(|bytes| bytes.min(blocks as usize * BLOCK))
            }
            Some(Fault::Lost) => {
                return Err(TransportError::LinkLost { name, why: "it was unplugged".to_owned() });
            }
            Some(Fault::Hang) => return Err(TransportError::Timeout { name, limit }),
        };
        Ok(match answered {
            Ok(transferred) => Outcome { status: Status::Good, transferred },
            Err(sense) => Outcome { status: Status::Check(sense), transferred: 0 },
        })
    }

    fn name(&self) -> &str {
        "mock"
    }
}

fn speeds() -> Vec<WriteSpeed> {
    [8467, 5645, 2822].map(|write| WriteSpeed { flags: 0, end: 1000, read: 8467, write }).to_vec()
}

fn reply(data: Data<'_>, bytes: &[u8]) -> usize {
    let Data::FromDrive(buffer) = data else { return 0 };
    let common = buffer.len().min(bytes.len());
    buffer[..common].copy_from_slice(&bytes[..common]);
    common
}
