//! The token atlas in its panel, by the names that a person finds it by.

use std::path::Path;

use egui::{Event, Modifiers, PointerButton, Role};
use egui_kittest::kittest::Queryable as _;

use crate::app::model::command::Command;
use crate::app::model::tokens::TokenCommand;
use crate::app::tests::{Result, settle, window_on};
use crate::dataset::index::{Build, BuildOptions};
use crate::view::TokenColor;

fn indexed_demo(count: usize) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo");
    let mut files: Vec<_> = demo.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    for file in files.iter().take(count) {
        std::fs::copy(file, folder.path().join(file.file_name().ok_or("no name")?))?;
    }
    Build::plan(folder.path(), BuildOptions::default())?.run(&|_| true)?;
    Ok(folder)
}

#[test]
fn tokens_of_an_indexed_folder_are_shown_chosen_and_lassoed() -> Result<()> {
    let folder = indexed_demo(5)?;
    let mut window = window_on(folder.path().to_str().ok_or("no path")?)?;
    window.get_by_label("Token atlas").click();
    window.run_steps(3);
    settle(&mut window)?;
    let panel = window.get_by_role_and_label(Role::Image, "token atlas").rect();
    assert!(panel.width() > 200.0 && panel.height() > 150.0, "{panel:?}");
    for name in ["Hidden state of the tokens", "Colour of the tokens", "Lasso around tokens"] {
        window.get_by_label(name);
    }
    let shown = window.state().state.tokens.shown.clone().ok_or("nothing is shown")?;
    assert_eq!((shown.cloud.len(), shown.states.as_slice()), (shown.atlas.tokens.len(), &[4][..]));

    window.state_mut().apply(Command::Tokens(TokenCommand::SetColor(TokenColor::Right)));
    window.run_steps(2);
    settle(&mut window)?;
    let shown = window.state().state.tokens.shown.clone().ok_or("nothing is shown")?;
    assert_eq!(shown.legend[0].0, "right");

    // A click opens the example with the token selected, and lists the nearest.
    let last = shown.atlas.tokens.len() - 3;
    window.state_mut().apply(Command::Tokens(TokenCommand::Open(last)));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while window.state().state.awaited_token.is_some()
        || window.state().state.tokens.near.as_ref().is_none_or(|near| near.found.is_err())
    {
        assert!(std::time::Instant::now() < until, "the token was not opened");
        std::thread::sleep(std::time::Duration::from_millis(5));
        window.step();
    }
    settle(&mut window)?;
    window.get_by_label("Nearest tokens");
    window.get_by_label("other modality");
    let state = &window.state().state;
    assert_eq!(Some(state.example), shown.rows[shown.atlas.tokens.example[last] as usize]);
    assert_eq!(state.selection.tokens, [shown.atlas.tokens.position[last] as usize]);
    let near = state.tokens.near.clone().ok_or("nothing is near")?;
    assert_eq!(near.places.len(), 21, "the token, ten of each modality");

    // A lasso around everything keeps all examples; the browser says so and lets go of it.
    window.state_mut().apply(Command::Tokens(TokenCommand::Forget));
    window.state_mut().apply(Command::Tokens(TokenCommand::SetLasso(true)));
    window.run_steps(2);
    let panel = window.get_by_role_and_label(Role::Image, "token atlas").rect().shrink(2.0);
    let corners = [panel.left_top(), panel.right_top(), panel.right_bottom(), panel.left_bottom()];
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    window.event(Event::PointerMoved(corners[0]));
    window.event(button(corners[0], true));
    window.step();
    for pos in corners.into_iter().skip(1) {
        window.event(Event::PointerMoved(pos));
        window.step();
    }
    window.event(button(corners[3], false));
    window.run_steps(2);
    settle(&mut window)?;
    assert_eq!(window.state().state.browsing.picked.as_ref().map(|rows| rows.len()), Some(5));
    window.get_by_label("Examples").click();
    window.run_steps(3);
    window.get_by_label_contains("lasso: 5").click();
    window.run_steps(2);
    settle(&mut window)?;
    assert!(window.state().state.browsing.picked.is_none());
    Ok(())
}

#[test]
fn a_folder_without_an_index_is_offered_one() -> Result<()> {
    let mut window = window_on("../../assets/demo")?;
    window.get_by_label("Token atlas").click();
    window.run_steps(3);
    window.get_by_label_contains("need an index of the folder");
    Ok(())
}
