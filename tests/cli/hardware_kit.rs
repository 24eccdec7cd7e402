//! The hardware kit is built and run where no test sees it (docs/hardware.md): what its scripts name must be there.

use std::path::Path;
use std::process::Command;

use crate::common::{Result, succeed};

const BUILD: &str = "benches/hardware/build.sh";
const RUN: &str = "benches/hardware/run.sh";
const PICTURES: &str = "scripts/pictures.sh";

/// The words of a list of the shell, `name=(…)`.
fn list(script: &str, name: &str) -> Vec<String> {
    let inside = script.split_once(&format!("\n{name}=(")).and_then(|(_, rest)| rest.split_once(')'));
    inside.map_or_else(Vec::new, |(inside, _)| inside.split_whitespace().map(str::to_owned).collect())
}

/// The commands that `part NAME SECONDS` runs.
fn parts(script: &str) -> Vec<Vec<&str>> {
    let lines = script.lines().filter(|line| line.starts_with("part "));
    lines.map(|line| line.split_whitespace().skip(3).collect()).collect()
}

#[test]
fn scripts_are_sound() -> Result {
    for script in [BUILD, RUN, PICTURES] {
        assert!(Command::new("bash").args(["-n", script]).status()?.success(), "{script}");
    }
    Ok(())
}

#[test]
fn what_is_packed_is_there() -> Result {
    let build = std::fs::read_to_string(BUILD)?;
    let copied = list(&build, "copied");
    assert!(copied.len() > 3, "the list is no longer written as this test reads it");
    for path in copied.iter().map(String::as_str).chain([RUN, "docs/hardware.md"]) {
        assert!(Path::new(path).exists(), "{path}");
    }
    // All that the pictures are made of goes along, or is made there.
    let pictures = std::fs::read_to_string(PICTURES)?;
    for word in pictures.split(|c: char| c.is_whitespace() || "=\"".contains(c)) {
        let is_made = || pictures.contains(&format!("-o \"{word}\""));
        if word.ends_with(".safetensors") && !is_made() {
            assert!(copied.iter().any(|path| Path::new(word).starts_with(path)), "{word} is not packed");
        }
    }
    Ok(())
}

#[test]
fn every_part_is_a_command() -> Result {
    let (build, run) = (std::fs::read_to_string(BUILD)?, std::fs::read_to_string(RUN)?);
    let programs = list(&build, "programs");
    let copied = list(&build, "copied");
    let parts = parts(&run);
    assert!(parts.len() > 6, "the parts are no longer written as this test reads them");
    for part in &parts {
        let name = part[0].trim_start_matches("./");
        assert!(programs.iter().chain(&copied).any(|known| known == name), "{name} is not packed");
        match name {
            "vlscope" => {
                let help = succeed(&[part[1], "--help"])?;
                for option in part.iter().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(option), "vlscope {} has no {option}", part[1]);
                }
            }
            "kernels" | "render" => {
                assert!(Path::new(&format!("tests/{name}/main.rs")).exists(), "there is no test {name}");
                if let Some(at) = part.iter().position(|word| *word == "--ignored") {
                    let tests = std::fs::read_to_string(format!("tests/{name}/pages.rs"))?;
                    assert!(tests.contains("#[ignore") && tests.contains(part[at + 1]), "{name} has no {part:?}");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The pictures that a card's are compared with are those of docs/views.md.
#[test]
fn pictures_use_options_that_exist() -> Result {
    let script = std::fs::read_to_string(PICTURES)?;
    let help: String = ["render", "compare", "index", "atlas", "tokens", "synth"]
        .map(|command| succeed(&[command, "--help"]))
        .into_iter()
        .collect::<Result<_>>()?;
    for option in script.split_whitespace().filter(|word| word.starts_with("--")) {
        assert!(help.contains(option) || option == "--quiet", "no command has {option}");
    }
    Ok(())
}
