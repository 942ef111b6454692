//! The interfaces on the bus are those of `dbus/*.xml`, member by member; neither has anything that the other lacks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node, ParsingOptions};
use support::{Bench, options};

const INTERFACES: [&str; 7] = ["DiscMaster", "Session", "Joliet", "Redbook", "Recorder", "Medium", "Job"];

/// Where a method of IMAPI v1 lives here: its interface, and the method or signal of ours in its place.
///
/// In the order of the interfaces' own tables. Left out is `IDiscRecorder::Init`, which no client calls.
#[rustfmt::skip]
const COUNTERPARTS: &[(&str, &str, &str)] = &[
    ("IDiscMaster.Open", "DiscMaster", "Open"),
    ("IDiscMaster.EnumDiscMasterFormats", "Session", "EnumDiscMasterFormats"),
    ("IDiscMaster.GetActiveDiscMasterFormat", "Session", "GetActiveDiscMasterFormat"),
    ("IDiscMaster.SetActiveDiscMasterFormat", "Session", "SetActiveDiscMasterFormat"),
    ("IDiscMaster.EnumDiscRecorders", "Session", "EnumDiscRecorders"),
    ("IDiscMaster.GetActiveDiscRecorder", "Session", "GetActiveDiscRecorder"),
    ("IDiscMaster.SetActiveDiscRecorder", "Session", "SetActiveDiscRecorder"),
    ("IDiscMaster.ClearFormatContent", "Session", "ClearFormatContent"),
    // Whoever subscribes to the session's signals has advised; PnPActivity is one of them, the others are below.
    ("IDiscMaster.ProgressAdvise", "Session", "PnPActivity"),
    ("IDiscMaster.ProgressUnadvise", "Session", "PnPActivity"),
    ("IDiscMaster.RecordDisc", "Session", "RecordDisc"),
    ("IDiscMaster.Close", "Session", "Close"),
    ("IDiscRecorder.GetRecorderGUID", "Recorder", "GetRecorderGUID"),
    ("IDiscRecorder.GetRecorderType", "Recorder", "GetRecorderType"),
    ("IDiscRecorder.GetDisplayNames", "Recorder", "GetDisplayNames"),
    ("IDiscRecorder.GetBasePnPID", "Recorder", "GetBasePnPID"),
    ("IDiscRecorder.GetPath", "Recorder", "GetPath"),
    ("IDiscRecorder.GetRecorderProperties", "Recorder", "GetRecorderProperties"),
    ("IDiscRecorder.SetRecorderProperties", "Recorder", "SetRecorderProperties"),
    ("IDiscRecorder.GetRecorderState", "Recorder", "GetRecorderState"),
    ("IDiscRecorder.OpenExclusive", "Recorder", "OpenExclusive"),
    ("IDiscRecorder.QueryMediaType", "Recorder", "QueryMediaType"),
    ("IDiscRecorder.QueryMediaInfo", "Recorder", "QueryMediaInfo"),
    ("IDiscRecorder.Eject", "Recorder", "Eject"),
    ("IDiscRecorder.Erase", "Recorder", "Erase"),
    ("IDiscRecorder.Close", "Recorder", "Close"),
    ("IJolietDiscMaster.GetTotalDataBlocks", "Joliet", "GetTotalDataBlocks"),
    ("IJolietDiscMaster.GetUsedDataBlocks", "Joliet", "GetUsedDataBlocks"),
    ("IJolietDiscMaster.GetDataBlockSize", "Joliet", "GetDataBlockSize"),
    ("IJolietDiscMaster.AddData", "Joliet", "AddData"),
    ("IJolietDiscMaster.GetJolietProperties", "Joliet", "GetJolietProperties"),
    ("IJolietDiscMaster.SetJolietProperties", "Joliet", "SetJolietProperties"),
    ("IRedbookDiscMaster.GetTotalAudioTracks", "Redbook", "GetTotalAudioTracks"),
    ("IRedbookDiscMaster.GetTotalAudioBlocks", "Redbook", "GetTotalAudioBlocks"),
    ("IRedbookDiscMaster.GetUsedAudioBlocks", "Redbook", "GetUsedAudioBlocks"),
    ("IRedbookDiscMaster.GetAvailableAudioTrackBlocks", "Redbook", "GetAvailableAudioTrackBlocks"),
    ("IRedbookDiscMaster.GetAudioBlockSize", "Redbook", "GetAudioBlockSize"),
    ("IRedbookDiscMaster.CreateAudioTrack", "Redbook", "CreateAudioTrack"),
    ("IRedbookDiscMaster.AddAudioTrackBlocks", "Redbook", "AddAudioTrackBlocks"),
    ("IRedbookDiscMaster.CloseAudioTrack", "Redbook", "CloseAudioTrack"),
    ("IDiscMasterProgressEvents.QueryCancel", "Job", "Cancel"),
    ("IDiscMasterProgressEvents.NotifyPnPActivity", "Session", "PnPActivity"),
    ("IDiscMasterProgressEvents.NotifyAddProgress", "Session", "AddProgress"),
    ("IDiscMasterProgressEvents.NotifyBlockProgress", "Session", "BlockProgress"),
    ("IDiscMasterProgressEvents.NotifyTrackProgress", "Session", "TrackProgress"),
    ("IDiscMasterProgressEvents.NotifyPreparingBurn", "Session", "PreparingBurn"),
    ("IDiscMasterProgressEvents.NotifyClosingDisc", "Session", "ClosingDisc"),
    ("IDiscMasterProgressEvents.NotifyBurnComplete", "Session", "BurnComplete"),
    ("IDiscMasterProgressEvents.NotifyEraseComplete", "Session", "EraseComplete"),
];

/// An interface in one order and spelling: a line a member.
type Members = BTreeMap<String, String>;

/// Methods of each interface of IMAPI, and how many of them have no counterpart for the reasons given above.
const IMAPI: [(&str, usize, usize); 5] = [
    ("IDiscMaster", 12, 0),
    ("IDiscRecorder", 15, 1),
    ("IJolietDiscMaster", 6, 0),
    ("IRedbookDiscMaster", 8, 0),
    ("IDiscMasterProgressEvents", 9, 0),
];

#[tokio::test]
async fn the_bus_and_the_contract_agree() {
    for (interface, live) in live().await {
        let contract = contract(interface);
        assert_eq!(live, contract, "{interface}: the bus, then dbus/org.discmaster1.{interface}.xml");
    }
}

/// The interfaces as they are on the bus.
async fn live() -> BTreeMap<&'static str, Members> {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    let session = client.open(options([])).await.unwrap();
    let joliet = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await.unwrap();
    let add = (bench.dir().to_str().unwrap(), options([("special-files", "skip".into())]));
    let job = client.path(&joliet, "Joliet", "AddPath", &add).await.unwrap();
    let recorder = "/org/discmaster1/recorders/vd0";
    let redbook = format!("{session}/redbook");
    let objects = ["/org/discmaster1", &session, &joliet, &redbook, recorder, recorder, &job];
    let mut live = BTreeMap::new();
    for (interface, path) in INTERFACES.into_iter().zip(objects) {
        live.insert(interface, members(&client.introspect(path).await, interface));
    }
    client.result(&job).await;
    live
}

#[test]
fn every_member_of_the_contract_is_explained() {
    for interface in INTERFACES {
        let text = contract_text(interface);
        let document = parse(&text);
        let element = find(&document, interface).unwrap();
        for member in element.children().filter(Node::is_element) {
            let before = member.prev_siblings().skip(1).find(|node| !node.is_text());
            let explained = before.is_some_and(|node| node.is_comment());
            assert!(explained, "{interface}.{} has no comment", member.attribute("name").unwrap());
        }
    }
}

#[tokio::test]
async fn every_method_and_event_of_imapi_has_a_counterpart_on_the_bus() {
    let live = live().await;
    for (imapi, interface, member) in COUNTERPARTS {
        let there =
            ["method", "signal"].iter().any(|kind| live[interface].contains_key(&format!("{kind} {member}")));
        assert!(there, "{imapi}: org.discmaster1.{interface} has no {member}");
    }
    for (imapi, methods, missing) in IMAPI {
        let listed = COUNTERPARTS.iter().filter(|(name, ..)| name.split('.').next() == Some(imapi)).count();
        assert_eq!(listed + missing, methods, "{imapi} has {methods} methods");
    }
}

fn contract(interface: &str) -> Members {
    members(&contract_text(interface), interface)
}

fn contract_text(interface: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dbus");
    std::fs::read_to_string(directory.join(format!("org.discmaster1.{interface}.xml"))).unwrap()
}

fn parse(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap()
}

fn find<'a, 'input>(document: &'a Document<'input>, interface: &str) -> Option<Node<'a, 'input>> {
    let name = format!("org.discmaster1.{interface}");
    document
        .descendants()
        .find(|node| node.has_tag_name("interface") && node.attribute("name") == Some(&name))
}

fn members(text: &str, interface: &str) -> Members {
    let document = parse(text);
    let element = find(&document, interface).unwrap_or_else(|| panic!("no {interface} in {text}"));
    element.children().filter(Node::is_element).map(member).collect()
}

fn member(node: Node<'_, '_>) -> (String, String) {
    let kind = node.tag_name().name();
    let attribute = |node: Node<'_, '_>, name| node.attribute(name).unwrap_or_default().to_owned();
    let mut shape: Vec<String> = vec![attribute(node, "type"), attribute(node, "access")];
    for child in node.children().filter(Node::is_element) {
        let default = if kind == "signal" { "out" } else { "in" };
        let direction = child.attribute("direction").unwrap_or(default);
        shape.push(match child.tag_name().name() {
            "arg" => format!("{direction} {} {}", attribute(child, "name"), attribute(child, "type")),
            other => format!("{other} {} {}", attribute(child, "name"), attribute(child, "value")),
        });
    }
    (format!("{kind} {}", attribute(node, "name")), shape.join(", "))
}
