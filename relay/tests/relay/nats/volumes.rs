//! File systems on loop devices, for power cuts: an image holds what was submitted to
//! the device, and not what is unsynced in the page cache (`commit=600`). Needs root.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// A mounted image.
pub(crate) struct Volume {
    image: PathBuf,
    mount: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mounted(image: &Path, at: &Path) -> bool {
    run("mount", &["-o", "loop,commit=600", text(image), text(at)])
}

impl Volume {
    /// Whether file systems may be made and mounted here; if not, prints that a test is
    /// skipped.
    pub(crate) fn are_permitted() -> bool {
        let directory = tempfile::tempdir().unwrap();
        let can = Self::try_make(&directory.path().join("volume")).is_some();
        if !can {
            println!("SKIPPED: no file system may be made and mounted here");
        }
        can
    }

    /// Makes and mounts an empty file system, of which only what is written takes space.
    pub(crate) fn make(mount: &Path) -> Self {
        Self::try_make(mount).expect("mkfs.ext4, root and loop devices")
    }

    fn try_make(mount: &Path) -> Option<Self> {
        let image = mount.with_extension("img");
        std::fs::create_dir_all(mount).unwrap();
        std::fs::File::create(&image)
            .unwrap()
            .set_len(1 << 30)
            .unwrap();
        let options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
        let made = run("mkfs.ext4", &["-q", "-F", "-E", options, text(&image)]);
        (made && mounted(&image, mount)).then(|| Self {
            image,
            mount: mount.to_owned(),
        })
    }

    fn unmount(&self) -> bool {
        let start = Instant::now();
        while !run("umount", &[text(&self.mount)]) {
            if start.elapsed() > Duration::from_secs(20) {
                return run("umount", &["-l", text(&self.mount)]);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        true
    }

    /// Copies what is on the device now.
    pub(crate) fn copy(&self) {
        let to = self.image.with_extension("cut");
        let copied = run("cp", &["--sparse=always", text(&self.image), text(&to)]);
        assert!(copied, "copying an image");
    }

    /// Goes back to the copy; every process that uses it has ended.
    pub(crate) fn revert(&self) {
        assert!(self.unmount(), "unmounting");
        std::fs::rename(self.image.with_extension("cut"), &self.image).unwrap();
        assert!(mounted(&self.image, &self.mount), "mounting");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        self.unmount();
    }
}
