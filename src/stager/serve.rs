//! Answering the broker's requests, one after another.

use std::os::fd::OwnedFd;

use super::errors;
use super::feed::feed;
use super::import::read_date;
use super::origin::Origin;
use super::own_stash::make_own_stash;
use super::owner::{become_owner, check_owner};
use super::plan::Image;
use super::pulse::Pulse;
use super::sound;
use super::stash::Stash;
use super::state::{State, allowed_in, descriptors, name};
use super::{Ended, StagerEnd};
use crate::api::{Phase, Result};
use crate::wire::ChannelError;
use crate::wire::broker_stager::{Answer, Ask, AudioAsk, Begin, FromStager, Tell, ToStager};
use crate::wire::ring::RingEnd;

/// Takes requests until the broker is gone, or breaks the rules. The first is `Begin`.
///
/// # Errors
/// When the channel itself fails.
pub fn serve(channel: &StagerEnd) -> std::result::Result<Ended, ChannelError> {
    let mut image: Option<Image> = None;
    let mut last: Option<FromStager> = None;
    loop {
        let (message, fds) = match channel.receive() {
            Ok(received) => received,
            Err(ChannelError::Closed) => return Ok(Ended::BrokerGone),
            Err(error) => return Err(error),
        };
        let state = if image.is_some() { State::Ready } else { State::Fresh };
        let (least, most) = descriptors(&message.ask);
        if !allowed_in(&message.ask, state) || !(least..=most).contains(&fds.len()) {
            tracing::error!(
                "the broker asked for {} with {} descriptors in state {state:?}; leaving",
                name(&message.ask),
                fds.len()
            );
            return Ok(Ended::Protocol);
        }
        if let Some(ended) = handle(channel, &mut image, &mut last, message, fds)? {
            return Ok(ended);
        }
    }
}

/// Does what one request asks, and answers it.
fn handle(
    channel: &StagerEnd,
    image: &mut Option<Image>,
    last: &mut Option<FromStager>,
    message: ToStager,
    fds: Vec<OwnedFd>,
) -> std::result::Result<Option<Ended>, ChannelError> {
    let id = message.id;
    let mut pulse = Pulse::new(channel, id, phase(&message.ask));
    let result = match (message.ask, image.as_mut()) {
        // It crossed the end of the request that it was to end.
        (Ask::Cancel, _) => return Ok(None),
        (Ask::Again, image) => return say_again(channel, image, last.as_ref(), id),
        (Ask::Begin(begin), _) => start(&begin).map(|started| {
            *image = Some(started);
            Answer::Nothing
        }),
        (ask, Some(image)) => answer(image, ask, fds, &mut pulse),
        (_, None) => return Ok(Some(Ended::Protocol)),
    };
    let (deaf, again) = (pulse.is_deaf(), pulse.again());
    // A stager that could not become the owner must not serve anybody.
    let lost = image.is_none();
    let done = last.insert(FromStager { id, tell: Tell::Done(result) });
    let sent = match channel.send(done, &[]) {
        // Nothing was sent: the image is worth more than the whole account of what went wrong.
        Err(ChannelError::TooLarge(bytes)) => {
            done.tell = Tell::Done(Err(errors::too_long(bytes)));
            channel.send(done, &[])
        }
        other => other,
    };
    for id in again.into_iter().filter(|_| sent.is_ok()) {
        say_again(channel, image.as_mut(), None, id)?;
    }
    match sent {
        Ok(()) if deaf => Ok(Some(Ended::Protocol)),
        Ok(()) if lost => Ok(Some(Ended::NotTheOwner)),
        Ok(()) => Ok(None),
        Err(ChannelError::Closed) => Ok(Some(Ended::BrokerGone)),
        Err(error) => Err(error),
    }
}

/// Repeats the last word, and tells what is staged.
fn say_again(
    channel: &StagerEnd,
    image: Option<&mut Image>,
    last: Option<&FromStager>,
    id: u32,
) -> std::result::Result<Option<Ended>, ChannelError> {
    let staged = match image {
        Some(image) => image.staged().map(|(blocks, anything)| Answer::Staged { blocks, anything }),
        None => return Ok(Some(Ended::Protocol)),
    };
    let now = FromStager { id, tell: Tell::Done(staged) };
    for word in last.into_iter().chain([&now]) {
        match channel.send(word, &[]) {
            Ok(()) => {}
            Err(ChannelError::Closed) => return Ok(Some(Ended::BrokerGone)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn start(begin: &Begin) -> Result<Image> {
    check_owner(begin)?;
    let stash = begin.stash.join(begin.uid.to_string());
    if let Err(error) = make_own_stash(&stash, begin.uid, begin.gid) {
        // Who copies nothing needs none; who does is told.
        tracing::warn!("the stash {} cannot be used: {error}", stash.display());
    }
    become_owner(begin)?;
    Ok(Image::new(Stash::new(stash, begin.quota), begin.max_entries))
}

fn answer(image: &mut Image, ask: Ask, fds: Vec<OwnedFd>, pulse: &mut Pulse<'_>) -> Result<Answer> {
    let mut fds = fds.into_iter();
    match ask {
        Ask::Add { path, options, capacity } => {
            let origin = match (path, fds.next()) {
                (Some(path), _) => Origin::path(&path)?,
                (None, Some(fd)) => Origin::passed(fd)?,
                (None, None) => return Ok(Answer::Nothing),
            };
            image.add(origin, &options, capacity, pulse).map(Answer::Added)
        }
        Ask::Import { start, end } => match fds.next() {
            Some(socket) => image.import(socket, start, end, pulse).map(Answer::Imported),
            None => Ok(Answer::Nothing),
        },
        Ask::Forget => image.forget_imported().map(Answer::Blocks),
        Ask::Remove(path) => image.remove(&path).map(Answer::Blocks),
        Ask::List(path) => image.list(&path).map(|(entries, cut)| Answer::Entries(entries, cut)),
        Ask::Clear => image.clear().map(Answer::Blocks),
        Ask::Audio(ask) => sound::answer(image, ask, fds, pulse),
        Ask::SetProperties(properties) => image.set_properties(properties).map(Answer::Blocks),
        Ask::Plan { start, redirects, recorded } => {
            let date = recorded.zip(fds.next()).map(|(end, socket)| read_date(socket, start, end, pulse));
            image.plan(start, redirects, date.transpose()?, pulse).map(Answer::Blocks)
        }
        Ask::Feed => {
            if let (Some(memory), Some(wake)) = (fds.next(), fds.next()) {
                feed(image, RingEnd { memory, wake }, pulse)?;
            }
            Ok(Answer::Nothing)
        }
        // All are handled before.
        Ask::Begin(_) | Ask::Cancel | Ask::Again => Ok(Answer::Nothing),
    }
    // The names of a user's files are no business of the system's log.
    .inspect_err(|error| tracing::debug!("{error}"))
}

const fn phase(ask: &Ask) -> Phase {
    match ask {
        Ask::Add { .. }
        | Ask::Audio(AudioAsk::Stream { .. } | AudioAsk::File { .. } | AudioAsk::Image { .. }) => {
            Phase::Staging
        }
        Ask::Begin(_)
        | Ask::Import { .. }
        | Ask::Forget
        | Ask::Remove(_)
        | Ask::List(_)
        | Ask::Clear
        | Ask::SetProperties(_)
        | Ask::Plan { .. }
        | Ask::Feed
        | Ask::Audio(AudioAsk::State | AudioAsk::Create | AudioAsk::Close { .. } | AudioAsk::Feed { .. })
        | Ask::Again
        | Ask::Cancel => Phase::Preparing,
    }
}
