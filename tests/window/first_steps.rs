//! What a newcomer meets: the card of the first start, the wheel on the picture, one panel alone.

use std::time::Duration;
use std::{fs, thread::sleep};

use serde_json::{Value, json};

use crate::session::{Result, Session};

/// Who starts the program for the first time is told what it shows, once. The wheel zooms the picture; M shows it alone.
#[test]
fn first_steps_zoom_and_a_panel_alone() -> Result<()> {
    let mut session = Session::launched(None, "1")?;
    session.fill_the_display()?;
    let welcomed = session.screenshot()?;
    session.xdotool(&["key", "Escape"])?;
    let settings = session.folder.path().join("window.json");
    session.wait_for("the card to be closed for good", |_| {
        let written = fs::read(&settings).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        Ok(written.filter(|settings| settings["is_welcomed"] == true))
    })?;
    sleep(Duration::from_secs(1));
    let shown = session.screenshot()?;
    assert_ne!(image::open(&welcomed)?.to_rgb8(), image::open(&shown)?.to_rgb8(), "nothing was closed");

    assert!(session.state()?["options"]["image_window"].is_null());
    session.xdotool(&["mousemove", "600", "260"])?;
    sleep(Duration::from_secs(1));
    for _ in 0..4 {
        session.xdotool(&["click", "4"])?;
    }
    sleep(Duration::from_secs(2));
    let window = session.state()?["options"]["image_window"].clone();
    let width = window["max"][0].as_f64().zip(window["min"][0].as_f64()).map(|(max, min)| max - min);
    assert!(width.is_some_and(|width| width < 0.8), "the wheel does not zoom the picture: {window}");

    session.xdotool(&["key", "m"])?;
    sleep(Duration::from_secs(2));
    assert_eq!(session.state()?["front"], json!(["image"]), "the panel under the pointer is not alone");
    session.close()
}
