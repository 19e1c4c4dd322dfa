//! Where things lie.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

/// This checkout.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A checkout that was moved runs from where it is now, not from where it was built.
    let here = env::var_os("CARGO_MANIFEST_DIR").map_or(manifest.to_path_buf(), PathBuf::from);
    here.parent().unwrap_or(&here).to_path_buf()
}

/// The state of this checkout's shop.
pub fn state() -> PathBuf {
    root().join(".holdfast")
}

/// Our binaries.
pub fn binaries(release: bool) -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(if release { "release" } else { "debug" })
}

/// What is built once for all checkouts of this user.
pub fn cache() -> anyhow::Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("holdfast"))
}

/// A folder of this checkout's own outside of it, for what an unprivileged Postgres has to reach.
pub fn outside_state() -> PathBuf {
    let checkout = root();
    Path::new("/var/lib/holdfast").join(fingerprint(&[checkout.as_os_str().as_encoded_bytes()]))
}

/// A short name for content, the same on every machine and for every compiler (FNV-1a, 64 bit).
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let bytes = parts.iter().copied().flatten();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Makes a folder that only its owner can read.
pub fn make_private(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir)
        .and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("make {}", dir.display()))
}

/// The program of this name on PATH, or in `further` folders.
pub fn program(name: &str, further: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path);
    let mut candidates = on_path.chain(further.iter().map(PathBuf::from)).map(|dir| dir.join(name));
    candidates.find(|file| {
        fs::metadata(file)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo told us about ourselves is not true of what we run.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
        {
            command.env_remove(name);
        }
    }
    command
}
