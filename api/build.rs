//! The files of `web/` are part of this crate, those that are added later as well.

fn main() {
    println!("cargo:rerun-if-changed=../web");
}
