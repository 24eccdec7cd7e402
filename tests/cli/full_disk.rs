//! A disk that is full, played by a limit on the size of files: what was there before stays whole, and no half is left.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use crate::common::{Result, succeed};

const TRACE: &str = "tests/traces/multi-image.safetensors";

#[test]
fn what_does_not_fit_leaves_the_file_of_before() -> Result {
    let folder = tempfile::tempdir()?;
    let exports: [&[&str]; 6] = [
        &["--view", "matrix", "-o", "matrix.png"],
        &["--view", "matrix", "-o", "matrix.svg"],
        &["--view", "matrix", "-o", "matrix.csv"],
        &["--view", "matrix", "-o", "matrix.json"],
        &["--view", "matrix", "-o", "matrix.npy"],
        &["--view", "image", "--play", "tokens", "-o", "tokens.gif"],
    ];
    for export in exports {
        let path = folder.path().join(export[export.len() - 1]);
        let words: Vec<&str> = export[..export.len() - 1].to_vec();
        let words = [&["render", TRACE], &words[..], &[path.to_str().ok_or("not UTF-8")?]].concat();
        // In blocks of 512 bytes. Whoever does not ignore the signal is killed by it.
        let limited = || -> Result<String> {
            let script = r#"trap "" XFSZ; ulimit -f 1; exec "$@""#;
            let mut shell = Command::new("sh");
            shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_vlscope")]).args(&words);
            let output = shell.output()?;
            assert_eq!(output.status.code(), Some(1), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stderr)?)
        };
        let said = limited()?;
        let expected = format!("vlscope: cannot write {}: File too large (os error 27)", path.display());
        assert_eq!(said.trim_end(), expected);
        assert_eq!(folder.path().read_dir()?.count(), 0, "{words:?}");

        succeed(&words)?;
        let before = fs::read(&path)?;
        assert!(before.len() > 512, "{}", path.display());
        limited()?;
        assert_eq!(fs::read(&path)?, before);
        assert_eq!(folder.path().read_dir()?.count(), 1, "{words:?}");
        fs::remove_file(&path)?;
    }
    Ok(())
}
