//! A file that another process shortens while it is read: an error that says so, never a signal.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::time::Instant;

use crate::common::{Result, finished, started, succeed};

/// Each with how often it is run.
const COMMANDS: [(usize, &[&str]); 10] = [
    (16, &["check", "TRACE"]),
    (14, &["stats", "TRACE", "--compute", "cpu"]),
    (14, &["attention", "TRACE", "--token", "1", "--rollout", "--compute", "cpu"]),
    (14, &["attention", "TRACE", "--token", "1", "--sinks", "hide", "--compute", "cpu"]),
    (10, &["neighbours", "TRACE", "--token", "1"]),
    (10, &["render", "TRACE", "--view", "heads", "--compute", "cpu", "-o", "OUT.svg"]),
    (10, &["render", "TRACE", "--view", "similarity", "--compute", "cpu", "-o", "OUT.csv"]),
    (6, &["render", "TRACE", "--view", "links", "--lock-scale", "--compute", "cpu", "-o", "OUT.csv"]),
    (6, &["stats", "TRACE", "--compute", "gpu"]),
    // Its views tell the error, and the picture is drawn.
    (6, &["render", "TRACE", "--view", "window", "-o", "OUT.png"]),
];

#[test]
fn a_file_that_is_shortened_at_any_moment_is_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let [whole, cut, out] = ["whole", "cut", "out"].map(|name| folder.path().join(name).display().to_string());
    let sizes = ["--layers", "8", "--heads", "6", "--text", "44", "--grid", "16x16", "--dim", "64", "--dtype", "f16"];
    succeed(&[&["synth", "-o", &whole], &sizes[..]].concat())?;
    let bytes = fs::metadata(&whole)?.len();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    // From 0 to 1.
    let mut random = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 40) as f64 / f64::from(1 << 24)
    };
    let (mut runs, mut refused) = (0, 0);
    for (count, command) in COMMANDS {
        let words: Vec<String> = command.iter().map(|word| word.replace("TRACE", &cut).replace("OUT", &out)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        fs::copy(&whole, &cut)?;
        let begin = Instant::now();
        succeed(&words)?;
        let usual = begin.elapsed();
        for _ in 0..count {
            fs::copy(&whole, &cut)?;
            let child = started(&words)?;
            std::thread::sleep(usual.mul_f64(random()));
            File::options().write(true).open(&cut)?.set_len((bytes as f64 * random()) as u64)?;
            let (status, run) = finished(child)?;
            assert_eq!(status.signal(), None, "{words:?}");
            runs += 1;
            if run.code == Some(0) {
                continue;
            }
            let said = [run.stdout, run.stderr].concat();
            let reasons =
                ["changed on disk since it was opened", "is shorter than its header says", "not a safetensors file"];
            assert!(run.code == Some(1) && reasons.iter().any(|reason| said.contains(reason)), "{words:?}: {said}");
            refused += usize::from(said.contains(reasons[0]));
        }
    }
    // Many are read before they are cut or cut before they are opened.
    assert!(runs >= 100 && refused >= 20, "{refused} of {runs} were cut while they were read");
    Ok(())
}
