//! The service's signals as lines: what `monitor` prints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::client::{Completion, Event, Props};
use crate::cli::failure::details;
use crate::cli::messages::{tr, word};
use crate::cli::units;
use crate::cli::view::{MediumView, RecorderView, id, short};

use super::list::disc;

/// One event, for a person and for a program.
#[derive(Debug)]
pub(super) struct Told {
    pub text: String,
    pub json: Value,
}

/// Every property that is known: a signal brings only what changed, a line tells the whole.
#[derive(Debug, Default)]
pub(super) struct Known {
    props: BTreeMap<(String, String), Props>,
    /// The phase and percent that were last told of a job.
    jobs: BTreeMap<String, (String, Option<u8>)>,
    /// The jobs whose end was told.
    ended: BTreeSet<String>,
}

impl Known {
    /// Takes in an event, and words it.
    pub(super) fn hear(&mut self, event: Event) -> Vec<Told> {
        match event {
            Event::Added(path, mut interfaces) => {
                let told = added(&path, &interfaces);
                while let Some((name, props)) = interfaces.pop_first() {
                    self.props.insert((path.clone(), name), props);
                }
                told
            }
            Event::Removed(path, interfaces) => {
                self.jobs.remove(&path);
                self.ended.remove(&path);
                for name in &interfaces {
                    self.props.remove(&(path.clone(), name.clone()));
                }
                removed(&path, &interfaces)
            }
            Event::Changed(path, interface, newer) => {
                let key = (path, interface);
                self.props.entry(key.clone()).or_default().update(newer);
                self.changed(&key).into_iter().collect()
            }
            Event::Completed(path, end) => {
                let told = completed(id(&path), &end);
                self.ended.insert(path);
                vec![told]
            }
            Event::Ended(path, error) => self.ended(&path, error.as_deref(), None).into_iter().collect(),
            Event::ServiceGone => {
                *self = Self::default();
                vec![told("service-gone", "", tr!("the service is gone"), json!({}))]
            }
            Event::ServiceBack => vec![told("service-back", "", tr!("the service is back"), json!({}))],
            Event::BusGone => Vec::new(),
        }
    }

    /// The end of this job was not told yet.
    pub(super) fn awaits_end(&self, job: &str) -> bool {
        !self.ended.contains(job)
    }

    /// Words the end of a job whose own word on it went to somebody else: with its result, if we may know that.
    pub(super) fn ended(
        &mut self,
        job: &str,
        error: Option<&str>,
        result: Option<Completion>,
    ) -> Option<Told> {
        if !self.ended.insert(job.to_owned()) {
            return None;
        }
        Some(match result {
            Some(result) => completed(id(job), &result),
            None => ended(id(job), error.map(short)),
        })
    }

    fn changed(&mut self, key: &(String, String)) -> Option<Told> {
        let whole = self.props.get(key)?;
        let (path, interface) = key;
        match interface.as_str() {
            "Recorder" => Some(recorder(id(path), &whole.text("State"), &whole.text("Holder"))),
            "Medium" => Some(medium("disc-changed", id(path), &MediumView::of(whole))),
            "Job" => {
                let share = whole.real("Progress").filter(|_| whole.flag("ProgressValid"));
                let now = (whole.text("Phase"), share.map(units::percent));
                let news = self.jobs.insert(path.clone(), now.clone()) != Some(now.clone());
                news.then(|| progress(id(path), &now.0, share))
            }
            _ => None,
        }
    }
}

fn added(path: &str, interfaces: &BTreeMap<String, Props>) -> Vec<Told> {
    let id = id(path);
    let disc_of = interfaces.get("Medium");
    if let Some(props) = interfaces.get("Recorder") {
        return vec![recorder_added(&RecorderView::of(path, props, disc_of))];
    }
    let one = |(name, props): (&String, &Props)| match name.as_str() {
        "Medium" => Some(medium("disc-inserted", id, &MediumView::of(props))),
        "Session" => {
            let client = props.text("ClientName");
            Some(told(
                "session-opened",
                id,
                tr!("session {id} opened by {client}", id, client),
                json!({ "client": client }),
            ))
        }
        "Job" => {
            let (operation, recorder) = (props.text("Operation"), props.text("Recorder"));
            let recorder = recorder.trim_start_matches("/org/discmaster1/recorders/").trim_matches('/');
            let doing = word(&operation);
            let text = if recorder.is_empty() {
                tr!("job {id} started: {doing}", id, doing)
            } else {
                tr!("job {id} started: {doing} on {recorder}", id, doing, recorder)
            };
            let json = json!({ "operation": operation, "recorder": recorder });
            Some(told("job-started", id, text, json))
        }
        _ => None,
    };
    interfaces.iter().filter_map(one).collect()
}

fn removed(path: &str, interfaces: &[String]) -> Vec<Told> {
    let id = id(path);
    let gone = |name: &str| interfaces.iter().any(|interface| interface == name);
    let (event, text) = if gone("Recorder") {
        ("recorder-removed", tr!("recorder {} is gone", id))
    } else if gone("Medium") {
        ("disc-removed", tr!("{}: no disc", id))
    } else if gone("Session") {
        ("session-closed", tr!("session {} closed", id))
    } else if gone("Job") {
        ("job-removed", tr!("job {} is forgotten", id))
    } else {
        return Vec::new();
    };
    vec![told(event, id, text, json!({}))]
}

fn recorder(id: &str, state: &str, holder: &str) -> Told {
    let now = word(state);
    let text = if holder.is_empty() {
        format!("{id}: {now}")
    } else {
        tr!("{id}: {state}, held by {holder}", id, state = now, holder)
    };
    told("recorder-changed", id, text, json!({ "state": state, "holder": holder }))
}

fn recorder_added(recorder: &RecorderView) -> Told {
    let disc = recorder.medium.as_ref().map_or_else(|| tr!("no disc"), disc);
    let text = tr!("recorder {id}: {name}; {disc}", id = recorder.id, name = recorder.name(), disc);
    told("recorder-added", &recorder.id, text, json!(recorder))
}

fn medium(event: &str, id: &str, medium: &MediumView) -> Told {
    told(event, id, format!("{id}: {}", disc(medium)), json!({ "medium": medium }))
}

fn progress(id: &str, phase: &str, share: Option<f64>) -> Told {
    let percent = share.map_or(String::new(), |share| format!(" {} %", units::percent(share)));
    told(
        "job-progress",
        id,
        tr!("job {id}: {phase}", id, phase = word(phase) + &percent),
        json!({ "phase": phase, "progress": share }),
    )
}

fn completed(id: &str, end: &Completion) -> Told {
    let text = match &end.error {
        Some(error) => tr!("job {id} failed: {error}", id, error),
        None => tr!("job {} is done", id),
    };
    let json = json!({
        "success": end.error.is_none(),
        "error": end.error.as_ref().map(|error| error.kind.name()),
        "message": end.message,
        "details": details(&end.details),
    });
    told("job-completed", id, text, json)
}

/// The end of a job that is none of our business: neither a sentence nor figures.
fn ended(id: &str, error: Option<&str>) -> Told {
    let text = match error {
        Some(error) => tr!("job {id} failed: {error}", id, error),
        None => tr!("job {} is done", id),
    };
    let json = json!({ "success": error.is_none(), "error": error, "message": null, "details": null });
    told("job-completed", id, text, json)
}

fn told(event: &str, id: &str, text: String, mut json: Value) -> Told {
    json["event"] = json!(event);
    json["id"] = json!(id);
    Told { text, json }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(told: &[Told]) -> Vec<&str> {
        told.iter().map(|told| told.text.as_str()).collect()
    }

    #[test]
    fn an_object_that_comes_and_goes_is_one_line_each() {
        let mut known = Known::default();
        let path = || "/org/discmaster1/recorders/vd0".to_owned();
        let recorder = || {
            BTreeMap::from([
                ("Recorder".to_owned(), Props::default()),
                ("Medium".to_owned(), Props::default()),
            ])
        };
        assert_eq!(known.hear(Event::Added(path(), recorder())).len(), 1);
        let gone = known.hear(Event::Removed(path(), vec!["Medium".to_owned(), "Recorder".to_owned()]));
        assert_eq!(texts(&gone), ["recorder vd0 is gone"]);
        assert_eq!(gone[0].json, json!({ "event": "recorder-removed", "id": "vd0" }));
    }

    #[test]
    fn the_end_of_a_job_is_told_once_and_without_what_only_its_owner_may_know() {
        let mut known = Known::default();
        let job = || "/org/discmaster1/jobs/7".to_owned();
        let ended = || Event::Ended(job(), Some("org.discmaster1.Error.DiscFull".to_owned()));
        assert!(known.awaits_end(&job()));
        let told = known.hear(ended());
        assert_eq!(texts(&told), ["job 7 failed: DiscFull"]);
        assert_eq!((&told[0].json["success"], &told[0].json["message"]), (&json!(false), &Value::Null));
        assert!(known.hear(ended()).is_empty() && !known.awaits_end(&job()));
        known.hear(Event::Removed(job(), vec!["Job".to_owned()]));
        assert_eq!(texts(&known.hear(Event::Ended(job(), None))), ["job 7 is done"]);
    }

    #[test]
    fn a_job_without_news_is_not_told_again() {
        let mut known = Known::default();
        let change =
            || Event::Changed("/org/discmaster1/jobs/7".to_owned(), "Job".to_owned(), Props::default());
        assert_eq!(known.hear(change()).len(), 1);
        assert_eq!(known.hear(change()).len(), 0);
    }
}
