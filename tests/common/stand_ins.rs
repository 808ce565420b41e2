//! Stand-ins for tools of FPGAs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// `root/bin` with scripts in it, and Yosys's data where a program of there finds it.
pub fn tools(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("bin")).unwrap();
    fs::create_dir_all(root.path().join("share")).unwrap();
    symlink("/usr/share/yosys", root.path().join("share/yosys")).unwrap();
    for (name, script) in scripts {
        let path = root.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}
