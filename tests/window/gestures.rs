//! What a researcher wants to know, and how many gestures it takes: a key, a click, a drag, or a line that is typed, is one each. What the
//! window shows then is told by the view states and files that it saves, which are no gestures.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vlscope::trace::Trace;

use crate::session::{Result, Session};

/// How long a gesture may take to show.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two parts of a drag.
const PAUSE: Duration = Duration::from_millis(60);

/// A task, and the gestures that it took so far.
struct Task<'a> {
    session: &'a mut Session,
    name: &'static str,
    gestures: usize,
}

impl<'a> Task<'a> {
    fn new(session: &'a mut Session, name: &'static str) -> Self {
        Self { session, name, gestures: 0 }
    }

    fn key(&mut self, key: &str) -> Result<()> {
        self.gestures += 1;
        self.session.xdotool(&["key", key])?;
        sleep(Duration::from_millis(400));
        Ok(())
    }

    /// A line and Enter.
    fn line(&mut self, text: &str) -> Result<()> {
        self.gestures += 1;
        self.session.xdotool(&["type", "--delay", "15", text])?;
        sleep(Duration::from_millis(600));
        self.session.xdotool(&["key", "Return"])?;
        sleep(Duration::from_millis(600));
        Ok(())
    }

    fn drag(&mut self, button: &str, from: [i32; 2], to: [i32; 2]) -> Result<()> {
        self.gestures += 1;
        let at = |share: f32| [0, 1].map(|side| from[side] + ((to[side] - from[side]) as f32 * share) as i32);
        let move_to = |session: &Session, [x, y]: [i32; 2]| {
            sleep(PAUSE);
            session.xdotool(&["mousemove", &x.to_string(), &y.to_string()])
        };
        move_to(self.session, from)?;
        sleep(PAUSE);
        self.session.xdotool(&["mousedown", button])?;
        for share in [0.1, 0.3, 0.6, 0.9, 1.0] {
            move_to(self.session, at(share))?;
        }
        sleep(PAUSE);
        self.session.xdotool(&["mouseup", button])?;
        sleep(Duration::from_millis(500));
        Ok(())
    }

    /// Waits until what the window saves says so; that state.
    fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.session.state()?;
            if is_so(&state) {
                return Ok(state);
            }
            if Instant::now() > end {
                return Err(format!("{}: {what} did not come: {state}", self.name).into());
            }
            sleep(Duration::from_millis(300));
        }
    }

    /// Prints how many gestures it took; an error if those are too many.
    fn done(self, most: usize) -> Result<()> {
        println!("{}: {} of {most} gestures", self.name, self.gestures);
        if self.gestures > most { Err(format!("{} took {} gestures", self.name, self.gestures).into()) } else { Ok(()) }
    }
}

/// The traces of a folder of assets in another, where notes and an index may be written.
fn copy_of(folder: &str) -> Result<tempfile::TempDir> {
    let copy = tempfile::tempdir()?;
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(folder).read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            std::fs::copy(&path, copy.path().join(path.file_name().ok_or("no name")?))?;
        }
    }
    Ok(copy)
}

fn tokens(state: &Value) -> Vec<u64> {
    state["selection"]["tokens"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

fn new_file(session: &mut Session, extension: &str, before: &[PathBuf]) -> Result<PathBuf> {
    session.wait_for(extension, |session| Ok(session.saved(extension)?.into_iter().find(|path| !before.contains(path))))
}

#[test]
fn a_generated_answer_about_a_picture() -> Result<()> {
    let scenes = copy_of("scenes")?;
    let mut session = Session::start(scenes.path(), "1")?;
    session.fill_the_display()?;

    // The heads are coloured by how much the text looks at the image from the start: what is left is to go to the strongest.
    let mut task = Task::new(&mut session, "which heads look from the words to the image");
    task.key("ctrl+k")?;
    task.line("strongest: layer")?;
    let state = task.until("a head", |state| state["selection"]["head"]["one"].is_u64())?;
    assert_eq!(state["options"]["statistic"], json!("mass.text.image"));
    task.done(3)?;

    let mut task = Task::new(&mut session, "which patches a generated token looks at");
    task.key("k")?;
    let first = task.until("an output token", |state| tokens(state).len() == 1)?;
    assert!(first["front"].as_array().is_some_and(|front| front.contains(&json!("image"))), "{first}");
    let next = tokens(&first)[0];
    task.done(2)?;
    let mut task = Task::new(&mut session, "the next generated token");
    task.key("k")?;
    task.until("the next output token", |state| tokens(state) == [next + 1])?;
    task.done(1)?;

    let mut task = Task::new(&mut session, "compare two heads");
    let head = task.session.selection()?["head"]["one"].as_u64().unwrap_or_default();
    task.key("p")?;
    task.key(if head > 0 { "Left" } else { "Right" })?;
    let state = task.until("a pin beside another head", |state| {
        let is_in_front = state["front"].as_array().is_some_and(|front| front.contains(&json!("pins")));
        is_in_front && state["options"]["pins"].as_array().is_some_and(|pins| pins.len() == 1)
    })?;
    let pin = state["options"]["pins"][0].as_str().unwrap_or_default().to_owned();
    let head = format!("H{}:", state["selection"]["head"]["one"]);
    assert!(!pin.contains(&head), "the pin {pin} is what is selected: {head}");
    task.done(3)?;

    for (name, entry, extension) in [
        ("a figure as PDF", "export Image: Save picture as PDF", "pdf"),
        ("its numbers", "export Image: Save numbers as CSV", "csv"),
    ] {
        let before = session.saved(extension)?;
        let mut task = Task::new(&mut session, name);
        task.key("ctrl+k")?;
        task.line(entry)?;
        let file = new_file(task.session, extension, &before)?;
        assert!(file.metadata()?.len() > 100, "{} is empty", file.display());
        task.done(2)?;
    }

    let mut task = Task::new(&mut session, "a bookmark with a note");
    task.key("n")?;
    task.line("the answer looks at the circle")?;
    let file = scenes.path().join("vlscope-notes.jsonl");
    let note = task.session.wait_for("the note", |_| Ok(std::fs::read_to_string(&file).ok()))?;
    assert!(
        note.starts_with(r#"{"kind":"bookmark","text":"the answer looks at the circle","trace":"0-which"#),
        "{note}"
    );
    task.done(2)?;
    let written: Value = serde_json::from_str(note.trim())?;
    assert_eq!(written["state"]["options"]["pins"], json!([pin]), "{note}");

    // And back to it, from another head and without the pin.
    let mut task = Task::new(&mut session, "back to a bookmark");
    task.session.xdotool(&["key", "Up", "Up"])?;
    let elsewhere = task.session.selection()?;
    task.key("ctrl+k")?;
    task.line("note: the answer looks")?;
    let state = task.until("what was bookmarked", |state| state["selection"] != elsewhere)?;
    assert_eq!(format!("H{}:", state["selection"]["head"]["one"]), head);
    task.done(2)?;
    session.close()
}

#[test]
fn what_the_heads_of_a_vit_see() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/photographs");
    let mut session = Session::start(&folder, "1")?;
    session.fill_the_display()?;
    let mut task = Task::new(&mut session, "which heads of a ViT look at what is drawn");
    // It opens on what every head of the last layer looks at.
    task.key("2")?;
    task.drag("3", [560, 210], [700, 330])?;
    let state = task.until("heads by their attention there", |state| state["options"]["to"].is_string())?;
    assert_eq!(state["options"]["heads_filter"], Value::Null);
    task.done(2)?;
    session.close()
}

#[test]
fn wrong_answers_and_the_heads_that_differ() -> Result<()> {
    let demo = copy_of("demo")?;
    let index = Command::new(env!("CARGO_BIN_EXE_vlscope")).arg("index").arg(demo.path()).arg("-q").output()?;
    assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
    let mut session = Session::start(demo.path(), "1")?;
    session.fill_the_display()?;
    let mut task = Task::new(&mut session, "wrong answers and the heads that differ");
    task.key("ctrl+k")?;
    task.line("head atlas: compare right")?;
    // Only what is shown can be exported.
    let before = task.session.saved("png")?;
    task.session.wait_for("the atlas", |session| {
        session.xdotool(&["key", "ctrl+k"])?;
        session.xdotool(&["type", "--delay", "15", "export Head atlas: Save picture as PNG"])?;
        sleep(Duration::from_millis(600));
        session.xdotool(&["key", "Return"])?;
        sleep(Duration::from_secs(1));
        let atlas = |path: &PathBuf| !before.contains(path) && path.to_string_lossy().contains("head-atlas");
        Ok(session.saved("png")?.into_iter().find(atlas))
    })?;
    task.key("ctrl+f")?;
    task.line("is:wrong")?;
    task.session.xdotool(&["key", "Escape"])?;
    task.session.xdotool(&["key", "Next"])?;
    let is_wrong = |state: &Value| {
        let trace = state["trace"].as_str().and_then(|path| Trace::open(Path::new(path)).ok());
        trace.is_some_and(|trace| trace.document().outputs.get("correct") == Some(&json!(false)))
    };
    task.until("a wrong answer", is_wrong)?;
    task.done(4)?;
    session.close()
}
