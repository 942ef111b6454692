//! The eight steps that make a burn, and what is left to do when it is broken off between two of them.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use serde_json::json;

use crate::api::{BLOCK, Phase, names};
use crate::cli::args::Bus;
use crate::cli::client::{Client, Completion, Events, Options};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, details};
use crate::cli::follow::{Follow, Left, follow};
use crate::cli::messages::tr;
use crate::cli::screen::Screen;
use crate::cli::units;
use crate::cli::view::{RecorderView, id};

use super::burn::{BurnArgs, Check, kilobytes};
use super::sources::Source;

/// The longest that we wait for the service when we leave early; what we held falls with our connection anyway.
const PARTING: Duration = Duration::from_secs(2);

/// A burn on its way. What is there tells how far it is.
pub(super) struct Burning {
    pub(super) client: Option<Client>,
    pub(super) events: Option<Events>,
    pub(super) recorder: Option<RecorderView>,
    pub(super) session: Option<String>,
    pub(super) job: Option<String>,
    /// Bytes of a block.
    pub(super) block: usize,
}

impl Default for Burning {
    fn default() -> Self {
        Self { client: None, events: None, recorder: None, session: None, job: None, block: BLOCK }
    }
}

impl Burning {
    /// From the connection to the staged image: nothing here touches the disc.
    pub(super) async fn stage(
        &mut self,
        bus: Bus,
        args: &BurnArgs,
        sources: &[Source],
        screen: &mut Screen,
    ) -> Result<()> {
        let client = &*self.client.insert(Client::connect(bus).await?);
        let events = self.events.insert(client.events().await?);
        let recorders = RecorderView::all(&client.objects().await?);
        let recorder = self.recorder.insert(RecorderView::choose(recorders, args.recorder.as_deref(), bus)?);
        kilobytes(args.speed.as_deref(), recorder.kind())?;

        let options = Options::new().object("recorder", &recorder.path).text("client-name", "discmaster");
        let session = &*self.session.insert(client.open(options).await?);
        let format = client.select_format(session, names::JOLIET).await?;
        let options = Options::new().text("multisession", args.multisession());
        client.select_recorder(session, &recorder.path, options).await?;
        let selected = client.props(session, "Session").await?;
        if selected.text("State") == "importing" {
            screen.say(&tr!("Reading what is on the disc"));
            let job = &*self.job.insert(selected.text("Job").to_owned());
            follow(Follow { job, medium: "", harmless: true, until: None }, client, events, screen).await?;
            self.job = None;
        }
        if client.props(session, "Session").await?.text("Multisession") == "append" {
            screen.say(&tr!("Going on with the files that are on the disc"));
        }
        self.take_in(&format, args, sources, screen).await
    }

    /// Takes files into the data format.
    pub(super) async fn take_in(
        &mut self,
        format: &str,
        args: &BurnArgs,
        sources: &[Source],
        screen: &mut Screen,
    ) -> Result<()> {
        let (Some(client), Some(events)) = (&self.client, &mut self.events) else { return Err(not_staged()) };
        if let Some(volume) = &args.volume {
            let properties = Options::new().text("VolumeName", volume);
            client.set(format, "Joliet", "SetJolietProperties", properties).await?;
        }
        for source in sources {
            screen.say(&tr!("Taking in {}", source.path.display()));
            let options = Options::new()
                .text("destination", &source.destination)
                .flag("overwrite", args.overwrite)
                .flag("copy", args.copy)
                .text("special-files", if args.skip_special { "skip" } else { "refuse" });
            let job = &*self.job.insert(add(client, format, source, options).await?);
            let what = Follow { job, medium: "", harmless: true, until: None };
            follow(what, client, events, screen).await?;
            self.job = None;
        }
        Ok(())
    }

    /// Starts the burn.
    pub(super) async fn record(&mut self, args: &BurnArgs, screen: &Screen) -> Result<()> {
        let (Some(client), Some(session), Some(recorder)) = (&self.client, &self.session, &self.recorder)
        else {
            return Err(not_staged());
        };
        let verify = if args.simulate { Check::None } else { args.verify };
        let options = Options::new()
            .flag("simulate", args.simulate)
            .flag("eject", args.eject)
            .flag("unmount", args.unmount)
            .text("verify", verify.word())
            .number("speed", kilobytes(args.speed.as_deref(), recorder.kind())?)
            .text("unfinished", unfinished(args))
            .text("write-mode", if args.session_at_once { "session-at-once" } else { "auto" })
            .text("close", if args.appendable { "appendable" } else { "finalise" });
        let (disc, id, name) = (recorder.kind(), &recorder.id, recorder.name());
        screen.say(&if args.simulate {
            tr!("Simulating {disc} in {id} ({name})", disc, id, name)
        } else {
            tr!("Burning {disc} in {id} ({name})", disc, id, name)
        });
        self.job = Some(client.record(session, options).await?);
        Ok(())
    }

    /// Follows the burn to its end, or with `--detach` until it is under way.
    pub(super) async fn finish(&mut self, args: &BurnArgs, screen: &mut Screen) -> Result<()> {
        let (Some(client), Some(events), Some(job), Some(recorder)) =
            (&self.client, &mut self.events, &self.job, &self.recorder)
        else {
            return Err(not_staged());
        };
        let until = args.detach.then_some(Phase::Writing);
        let what = Follow { job, medium: recorder.kind(), harmless: args.simulate, until };
        match follow(what, client, events, screen).await {
            Ok(Left::Ended(end)) => {
                self.close().await;
                self.tell(args, &end, screen)
            }
            Ok(Left::Underway) => {
                screen.clear();
                if screen.json() {
                    return screen
                        .object(&json!({ "event": "detached", "job": job, "recorder": recorder.id }));
                }
                screen.data(&tr!("job {}", id(job)))
            }
            Err(failure) => {
                self.close().await;
                Err(failure)
            }
        }
    }

    /// Before the burn: cancels what runs and gives the recorder back.
    pub(super) async fn give_up(&mut self, screen: &mut Screen) -> Failure {
        screen.clear();
        if let (Some(client), Some(job)) = (&self.client, &self.job) {
            let _ = tokio::time::timeout(PARTING, client.tell(job, "Job", "Cancel")).await;
        }
        self.close().await;
        Failure::new(
            Exit::Cancelled,
            "Interrupted",
            tr!("interrupted before anything was written: the disc is as it was"),
        )
    }

    /// During the burn: says that it goes on.
    pub(super) fn leave(&self, screen: &mut Screen) -> Failure {
        screen.clear();
        let job = self.job.as_deref().map_or("", id);
        Failure::new(Exit::Unknown, "Interrupted", tr!("the burn goes on without us"))
            .hint(tr!("`discmaster jobs` shows it, `discmaster jobs --cancel {}` ends it", job))
    }

    /// Ends the session. A failure to do so does not matter: it ends with our connection.
    pub(super) async fn close(&self) {
        if let (Some(client), Some(session)) = (&self.client, &self.session) {
            let _ = tokio::time::timeout(PARTING, client.tell(session, "Session", "Close")).await;
        }
    }

    fn tell(&self, args: &BurnArgs, end: &Completion, screen: &Screen) -> Result<()> {
        let (job, recorder) =
            (self.job.as_deref(), self.recorder.as_ref().map_or("", |recorder| &recorder.id));
        // Blocks of data are shorter than those of sound.
        let data = end.number("data-blocks").unwrap_or_default().saturating_mul((self.block - BLOCK) as u64);
        let whole = |blocks: u64| blocks.saturating_mul(self.block as u64).saturating_sub(data);
        let bytes = end.number("blocks").map(whole);
        if screen.json() {
            return screen.object(&json!({
                "event": "completed", "job": job, "recorder": recorder, "bytes": bytes,
                "simulated": args.simulate, "details": details(&end.details), "notes": end.notes,
            }));
        }
        let amount = bytes.map_or_else(|| tr!("everything"), units::size);
        let seconds =
            end.number("write-time").map(|time| time.div_ceil(1_000_000)).filter(|seconds| *seconds > 1);
        let time = seconds.map_or(String::new(), |seconds| tr!(" in {}", units::time(seconds)));
        screen.say(&match (args.simulate, end.number("verified-full")) {
            (true, _) => {
                tr!("Simulated: {amount} would have been written{time}; the disc is as it was.", amount, time)
            }
            (false, None) => tr!("Burned {amount}{time}; not verified.", amount, time),
            (false, Some(0)) => tr!("Burned {amount}{time}; the structure was verified.", amount, time),
            (false, Some(_)) => tr!("Burned {amount}{time}; every block was verified.", amount, time),
        });
        end.notes.iter().for_each(|note| screen.say(&tr!("note: {}", note)));
        Ok(())
    }
}

/// A folder travels as a descriptor: what we have open is what is taken in. A file has only its path, and so has what
/// another machine has.
async fn add(client: &Client, format: &str, source: &Source, options: Options) -> Result<String> {
    let fail = |error| Failure::unreadable(&source.path, &error);
    if source.folder {
        let folder = File::open(&source.path).map_err(fail)?;
        return client.add(format, folder.as_fd(), options).await;
    }
    let path = std::path::absolute(&source.path).map_err(fail)?;
    let path = path.to_str().ok_or_else(|| {
        Failure::usage(tr!("the name of {} is not UTF-8", path.display()))
            .hint(tr!("burn the folder that it is in"))
    })?;
    client.add_path(format, path, options).await
}

const fn unfinished(args: &BurnArgs) -> &'static str {
    match (args.close_unfinished, args.resume) {
        (true, _) => "close",
        (false, true) => "resume",
        (false, false) => "refuse",
    }
}

fn not_staged() -> Failure {
    Failure::new(Exit::Other, "Unexpected", tr!("nothing is staged"))
}
