//! Detection of file systems that may keep an overwritten key on the device.

use std::path::Path;

use rustix::fs::statfs;

/// Magic numbers of statfs(2).
const COPIES: [(u64, &str); 6] = [
    (0x9123_683E, "btrfs"),
    (0x2FC1_2FC1, "zfs"),
    (0xF2F5_2010, "f2fs"),
    (0x794C_7630, "overlay"),
    (0x6969, "NFS"),
    (0xCA45_1A4E, "bcachefs"),
];

/// Warns if an overwritten key may remain readable on the device: on
/// copy-on-write file systems, and on ext4 with data journaling. SSDs may keep
/// old blocks below any file system.
pub fn warn_if_copies_stay(path: &Path) {
    let kind = statfs(path).map(|fs| u64::from(fs.f_type as u32));
    let name = COPIES.iter().find(|(magic, _)| kind == Ok(*magic));
    if let Some((_, name)) = name {
        tracing::warn!(
            path = %path.display(),
            "{name} keeps old copies of overwritten blocks: erased keys may remain readable on the disk"
        );
    } else if journals_data(path) {
        tracing::warn!(
            path = %path.display(),
            "data=journal keeps copies of overwritten blocks: erased keys may remain readable on the disk"
        );
    }
}

/// Returns `true` if the file's mount writes data to a journal first.
fn journals_data(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let holding = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, point, _, options) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        path.starts_with(point).then_some((point.len(), options))
    });
    let deepest = holding.max_by_key(|(len, _)| *len);
    deepest.is_some_and(|(_, options)| options.split(',').any(|option| option == "data=journal"))
}
