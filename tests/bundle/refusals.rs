//! Archives that are refused: every one with its own code and a message that names what is wrong.

use crate::forge::{Forge, assert_fault, gzip, header, key, refused, sealed, tar, trust, verify, verify_with};
use compute_init::bundle::{Unverified, Verified};
use compute_init::plan::limits;
use serde_json::json;
use tar::EntryType;

#[test]
fn unsigned_is_refused_and_can_still_be_inspected() {
    let archive = sealed().archive(0).expect("packs");
    refused("unsigned", verify(&archive), "B09", "it is not signed");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), archive).expect("writes");
    assert_eq!(Unverified::archive(file.path()).expect("whole").summary().files.len(), 4);
}

#[test]
fn another_key_is_refused_by_name() {
    let other = trust(&[("other.pem", key(2).public())]);
    let archive = Forge::new().pack();
    refused("wrong key", verify_with(&archive, &other), "B10", "(other.pem is)");
    refused("wrong key", verify_with(&archive, &other), "B10", &key(1).public().id().to_string());
}

#[test]
fn one_of_several_trusted_keys_is_enough() {
    let both = trust(&[("a-new.pem", key(2).public()), ("b-old.pem", key(1).public())]);
    assert_eq!(verify_with(&Forge::new().pack(), &both).expect("verifies").signer().name, "b-old.pem");
    let mut sealed = sealed();
    for seed in [1, 2, 3] {
        sealed.sign(&key(seed));
    }
    let archive = sealed.archive(0).expect("packs");
    assert_eq!(verify_with(&archive, &both).expect("verifies").signer().name, "a-new.pem");
    assert_eq!(verify(&archive).expect("verifies").signer().name, "site.pem");
}

#[test]
fn a_signature_over_something_else_is_refused() {
    let mut forge = Forge::new();
    let manifest = forge.manifest();
    let mut other = Forge::new();
    other.set_manifest(b"{}");
    let foreign = other.members.values().find(|b| b.len() == 64).expect("a signature").clone();
    forge.set_signed(manifest.as_bytes(), &foreign);
    refused("foreign signature", verify(&forge.pack()), "B11", "is not that of key site.pem");
    forge.set_signed(manifest.as_bytes(), &[0; 64]);
    refused("zeros", verify(&forge.pack()), "B11", "site.pem");
    forge.set_signed(manifest.as_bytes(), &[0; 63]);
    refused("short", verify(&forge.pack()), "B13", "64 bytes");
}

#[test]
fn a_bad_signature_in_a_trusted_name_is_refused_beside_a_good_one() {
    let mut sealed = sealed();
    for seed in [1, 2] {
        sealed.sign(&key(seed));
    }
    let mut forge = Forge::open(&sealed.archive(0).expect("packs"));
    // The two keys' signatures change places.
    let index = String::from_utf8(forge.members["index.json"].clone()).expect("text");
    let ids = [1, 2].map(|s| key(s).public().id().to_string());
    let swapped = index.replace(&ids[0], "X").replace(&ids[1], &ids[0]).replace('X', &ids[1]);
    let value: serde_json::Value = serde_json::from_str(&swapped).expect("json");
    let signature = |id: &str| value["manifests"][0]["annotations"][format!("io.compute-init.signature.{id}")].clone();
    let mut sorted = ids.clone();
    sorted.sort();
    let (start, end) = (index.find("\"io.compute").expect("there"), index.find(",\"org.open").expect("there"));
    let list = sorted.map(|id| format!("\"io.compute-init.signature.{id}\":{}", signature(&id))).join(",");
    forge.members.insert("index.json".into(), format!("{}{list}{}", &index[..start], &index[end..]).into_bytes());
    let both = trust(&[("a.pem", key(1).public()), ("b.pem", key(2).public())]);
    refused("swapped", verify_with(&forge.pack(), &both), "B11", "a.pem");
}

#[test]
fn a_flipped_byte_in_any_member_is_refused() {
    let forge = Forge::new();
    for (name, bytes) in &forge.members {
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            for bit in [1, 0x20, 0x80] {
                let mut bad = forge.clone();
                let Some(byte) = bad.members.get_mut(name).and_then(|b| b.get_mut(at)) else { continue };
                *byte ^= bit;
                let error = verify(&bad.pack()).err().unwrap_or_else(|| panic!("{name} at {at}: accepted"));
                let expected = match name.as_str() {
                    "oci-layout" => &["B06"][..],
                    "index.json" => &["B04", "B06", "B09", "B10", "B13"],
                    _ => &["B13"],
                };
                assert!(expected.contains(&error.fault.code()), "{name} at {at}: {error}");
            }
        }
    }
}

#[test]
fn every_byte_of_the_index_counts() {
    let forge = Forge::new();
    for at in (0..forge.members["index.json"].len()).step_by(3) {
        let mut bad = forge.clone();
        bad.members.get_mut("index.json").expect("there")[at] ^= 1;
        assert!(verify(&bad.pack()).is_err(), "byte {at}");
    }
}

#[test]
fn a_missing_member_is_named() {
    let forge = Forge::new();
    for name in forge.members.keys() {
        let mut bad = forge.clone();
        bad.members.remove(name);
        let code = if name.starts_with("blobs/") { "B13" } else { "B06" };
        refused(name, verify(&bad.pack()), code, name);
        refused(name, verify(&bad.pack()), code, "is missing");
    }
    refused("empty", verify(&gzip(&tar(&[]))), "B06", "oci-layout: it is missing");
}

#[test]
fn a_member_too_many_is_named() {
    let mut forge = Forge::new();
    let name = format!("blobs/sha256/{}", &crate::forge::digest(b"extra")[7..]);
    forge.members.insert(name.clone(), b"extra".to_vec());
    refused("extra blob", verify(&forge.pack()), "B04", &format!("{name:?} is not named by the manifest"));
    for name in ["README", "blobs/sha256/abc", "blobs/sha512/00", "blobs/sha256", "manifest.json", "Index.json"] {
        let mut forge = Forge::new();
        forge.members.insert(name.into(), Vec::new());
        refused(name, verify(&forge.pack()), "B04", "does not belong into a bundle");
    }
}

/// The sample's members with one more in front.
fn with_first(header: tar::Header, contents: &[u8]) -> Vec<u8> {
    let mut entries = vec![(header, contents.to_vec())];
    entries.extend(Forge::new().members.into_iter().map(|(n, b)| (self::header(&n, b.len()), b)));
    gzip(&tar(&entries))
}

#[test]
fn only_plain_files_with_plain_headers_are_members() {
    let cases: [(EntryType, &str); 9] = [
        (EntryType::Symlink, "is a link"),
        (EntryType::Link, "is a link"),
        (EntryType::Char, "is a device or pipe"),
        (EntryType::Block, "is a device or pipe"),
        (EntryType::Fifo, "is a device or pipe"),
        (EntryType::Directory, "is a directory"),
        (EntryType::GNULongName, "has the type 'L'"),
        (EntryType::XHeader, "has the type 'x'"),
        (EntryType::GNUSparse, "has the type 'S'"),
    ];
    for (kind, text) in cases {
        let mut bad = header("blobs/x", 0);
        bad.set_entry_type(kind);
        bad.set_link_name("/etc/passwd").expect("fits");
        bad.set_cksum();
        refused(text, verify(&with_first(bad, b"")), "B04", text);
    }
    type Change = fn(&mut tar::Header);
    let odd: [(&str, Change); 6] = [
        ("mode", |h| h.set_mode(0o4755)),
        ("owner", |h| h.set_uid(1000)),
        ("group", |h| h.set_gid(1000)),
        ("link name", |h| h.set_link_name("x").expect("fits")),
        ("user name", |h| h.as_ustar_mut().expect("ustar").uname[0] = b'r'),
        ("prefix", |h| h.as_ustar_mut().expect("ustar").prefix[0] = b'p'),
    ];
    for (what, change) in odd {
        let mut entries: Vec<_> = Forge::new().members.into_iter().map(|(n, b)| (header(&n, b.len()), b)).collect();
        change(&mut entries[0].0);
        entries[0].0.set_cksum();
        let error = verify(&gzip(&tar(&entries))).err().unwrap_or_else(|| panic!("{what}: accepted"));
        assert_eq!(error.fault.code(), "B04", "{what}: {error}");
    }
}

#[test]
fn paths_that_leave_the_bundle_are_refused() {
    for (name, text) in [
        ("/etc/passwd", "has an absolute path"),
        ("../../etc/passwd", "has a path that climbs out"),
        ("blobs/sha256/../../../etc/passwd", "has a path that climbs out"),
        ("./index.json", "does not belong into a bundle"),
        ("", "does not belong into a bundle"),
        ("blobs//sha256/x", "does not belong into a bundle"),
    ] {
        refused(name, verify(&with_first(header(name, 0), b"")), "B04", text);
    }
    let mut raw = header("x", 0);
    raw.as_mut_bytes()[0] = 0xff;
    raw.set_cksum();
    refused("bytes", verify(&with_first(raw, b"")), "B04", "not UTF-8");
}

#[test]
fn duplicates_disorder_and_odd_times_are_refused() {
    let entries: Vec<_> = Forge::new().members.into_iter().map(|(n, b)| (header(&n, b.len()), b)).collect();
    let mut twice = entries.clone();
    twice.insert(1, entries[0].clone());
    refused("twice", verify(&gzip(&tar(&twice))), "B04", "is there twice");
    let mut late = entries.clone();
    late.push(entries[0].clone());
    refused("twice, apart", verify(&gzip(&tar(&late))), "B04", "is there twice");
    let mut swapped = entries.clone();
    swapped.swap(0, 1);
    refused("disorder", verify(&gzip(&tar(&swapped))), "B04", "is out of order");
    let mut dated = entries.clone();
    dated[2].0.set_mtime(5);
    dated[2].0.set_cksum();
    refused("times", verify(&gzip(&tar(&dated))), "B04", "has another time");
    let mut sum = entries;
    sum[0].0.as_mut_bytes()[150] ^= 1;
    refused("checksum", verify(&gzip(&tar(&sum))), "B04", "header");
}

#[test]
fn sizes_beyond_bounds_are_refused_before_they_are_read() {
    let name = format!("blobs/sha256/{}", "0".repeat(64));
    let claims = header(&name, limits::BUNDLE_UNPACKED as usize + 1);
    refused("claimed size", verify(&with_first(claims, b"")), "B05", "268435456 bytes");
    let bomb: Vec<_> = (0..5u8)
        .map(|n| format!("blobs/sha256/{}", format!("{n:02x}").repeat(32)))
        .map(|name| (header(&name, 64 << 20), vec![0; 64 << 20]))
        .collect();
    let bomb = gzip(&tar(&bomb));
    assert!(bomb.len() < 4 << 20);
    refused("gzip bomb", verify(&bomb), "B05", "the unpacked archive");
    let blobs = (0..=limits::BUNDLE_MEMBERS).map(|n| format!("blobs/sha256/{n:064x}"));
    let many: Vec<_> = blobs.map(|name| (header(&name, 0), Vec::new())).collect();
    refused("members", verify(&gzip(&tar(&many))), "B05", "4096 members");
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(limits::BUNDLE_ARCHIVE + 1).expect("grows");
    let trust = trust(&[("k", key(1).public())]);
    refused("archive", Verified::archive(file.path(), &trust), "B05", "67108864 bytes");
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    let archive = Forge::new().pack();
    for length in (0..archive.len()).step_by(7).chain(archive.len() - 12..archive.len()) {
        let error = verify(&archive[..length]).err().unwrap_or_else(|| panic!("{length}: accepted"));
        assert_fault(&length.to_string(), &error.fault, "B03", "");
    }
    // A tar that ends early inside a whole gzip stream.
    let entries: Vec<_> = Forge::new().members.into_iter().map(|(n, b)| (header(&n, b.len()), b)).collect();
    let tar = tar(&entries);
    for length in [0, 1, 511, 512, 600, tar.len() - 1024, tar.len() - 512, tar.len() - 1] {
        refused("short tar", verify(&gzip(&tar[..length])), "B03", "cut short");
    }
}

#[test]
fn nothing_may_follow_the_end() {
    let archive = Forge::new().pack();
    refused("garbage", verify(&[&archive[..], b"x"].concat()), "B03", "bytes follow the end");
    refused("second stream", verify(&[&archive[..], &gzip(b"x")].concat()), "B03", "bytes follow the end");
    let entries: Vec<_> = Forge::new().members.into_iter().map(|(n, b)| (header(&n, b.len()), b)).collect();
    let tar = tar(&entries);
    refused("more zeros", verify(&gzip(&[&tar[..], &[0; 512]].concat())), "B03", "follows the end mark");
    refused("half an end", verify(&gzip(&[&tar[..tar.len() - 1], b"x"].concat())), "B03", "end mark is broken");
}

#[test]
fn other_compressions_and_headers_are_refused() {
    let archive = Forge::new().pack();
    for (at, what) in [(0, "magic"), (2, "method"), (3, "flags"), (4, "time"), (9, "system")] {
        let mut bad = archive.clone();
        bad[at] ^= 1;
        refused(what, verify(&bad), "B03", "gzip header");
    }
    let mut bad = archive.clone();
    let last = bad.len() - 5;
    bad[last] ^= 1;
    refused("checksum", verify(&bad), "B03", "damaged");
    refused("text", verify(b"this is no bundle at all"), "B03", "gzip header");
    refused("empty", verify(b""), "B03", "too short");
}

#[test]
fn the_index_has_one_entry_of_one_type() {
    let cases = [
        (r#""manifests":["#, r#""manifests":[],"x":["#, "B06", "unknown field"),
        ("oci.image.manifest.v1+json", "docker.distribution.manifest.v2+json", "B06", "not a manifest"),
        ("bundle.v1", "bundle.v2", "B12", "bundle.v2"),
        ("bundle.v1", "other.v1", "B06", "is not the type of a bundle"),
        ("\"schemaVersion\":2", "\"schemaVersion\":3", "B06", "one spelling"),
        ("\"schemaVersion\":2", "\"schemaVersion\": 2", "B06", "one spelling"),
        ("sha256:", "sha512:", "B06", "sha256"),
        ("sha256:", "SHA256:", "B06", "sha256"),
    ];
    for (from, to, code, text) in cases {
        let mut forge = Forge::new();
        forge.change_index(from, to);
        refused(to, verify(&forge.pack()), code, text);
    }
    let mut two = Forge::new();
    let index = String::from_utf8(two.members["index.json"].clone()).expect("text");
    let entry = &index[index.find('[').expect("there") + 1..index.len() - 2];
    two.change_index(entry, &format!("{entry},{entry}"));
    refused("two entries", verify(&two.pack()), "B06", "2 entries where one belongs");
    let mut none = Forge::new();
    none.change_index(entry, "");
    refused("no entry", verify(&none.pack()), "B06", "0 entries");
    let mut layout = Forge::new();
    layout.members.insert("oci-layout".into(), br#"{"imageLayoutVersion":"2.0.0"}"#.to_vec());
    refused("layout", verify(&layout.pack()), "B06", "oci-layout");
}

#[test]
fn a_signed_manifest_is_not_believed_blindly() {
    let cases = [
        (r#""io.compute-init.format":"1""#, r#""io.compute-init.format":"2""#, "B12", "plan format 2"),
        (r#""io.compute-init.format":"1""#, r#""io.compute-init.format":"0""#, "B06", "format"),
        (r#""io.compute-init.format":"1","#, "", "B06", "format"),
        (r#""io.compute-init.playbook":"site.yml""#, r#""io.compute-init.playbook":"x.yml""#, "B06", "its config"),
        ("bundle.v1", "bundle.v7", "B12", "bundle.v7"),
        ("bundle.v1", "bundle.v1x", "B06", "not the type of a bundle"),
        ("compute-init.plan.v1+json", "compute-init.file.v1", "B06", "not a plan"),
        ("oci.image.config.v1", "oci.empty.v1", "B06", "its config is"),
        ("compute-init.file.v1", "oci.image.layer.v1.tar", "B06", "not a source file"),
        ("oci.image.manifest.v1", "oci.image.index.v1", "B06", "version 2"),
        (r#""schemaVersion":2"#, r#""schemaVersion":2,"subject":1"#, "B06", "unknown field"),
        (r#""schemaVersion":2"#, r#""schemaVersion" :2"#, "B06", "one spelling"),
        (r#""roles/alpha/files/same\nroles/beta/files/same""#, r#""roles/alpha/files/same""#, "B14", "paths of layer"),
        (r#""size":0"#, r#""size":1"#, "B13", "another length"),
    ];
    for (from, to, code, text) in cases {
        let mut forge = Forge::new();
        forge.change_manifest(from, to);
        refused(to, verify(&forge.pack()), code, text);
    }
    for bytes in [&b"{}"[..], b"", b"[]", b"null", &[0xff; 9], "[".repeat(5000).as_bytes()] {
        let mut forge = Forge::new();
        forge.set_manifest(bytes);
        refused("not a manifest", verify(&forge.pack()), "B06", "manifest");
    }
    let mut twice = Forge::new();
    let layers: serde_json::Value = serde_json::from_str(&twice.manifest()).expect("json");
    let layer = layers["layers"][1].to_string();
    twice.change_manifest(&layer, &format!("{layer},{layer}"));
    refused("layer twice", verify(&twice.pack()), "B06", "twice");
}

#[test]
fn a_signed_plan_must_fit_its_manifest() {
    let changed = |change: fn(&mut serde_json::Value)| {
        let mut forge = Forge::new();
        let mut plan = forge.plan();
        change(&mut plan);
        forge.set_plan(plan.to_string().as_bytes());
        verify(&forge.pack())
    };
    assert!(changed(|_| ()).is_ok());
    refused("newer", changed(|p| p["format"] = json!(2)), "B14", "format 2");
    refused("unknown", changed(|p| p["surprise"] = json!(2)), "B14", "unknown field");
    refused("climbs", changed(|p| p["files"]["../x"] = p["files"]["files/empty"].clone()), "B14", "../x");
    refused("absolute", changed(|p| p["files"]["/x"] = p["files"]["files/empty"].clone()), "B14", "/x");
    refused("size", changed(|p| p["files"]["files/empty"]["size"] = json!(9)), "B14", "files/empty");
    refused("digest", changed(|p| p["files"]["files/empty"]["digest"] = json!("sha256:0")), "B14", "not a layer");
    refused("more", changed(|p| p["files"]["new"] = p["files"]["files/empty"].clone()), "B14", "paths of layer");
    refused(
        "fewer",
        changed(|p| drop(p["files"].as_object_mut().expect("files").shift_remove("files/empty"))),
        "B14",
        "",
    );
    let mut deep = Forge::new();
    deep.set_plan("[".repeat(100_000).as_bytes());
    refused("deep", verify(&deep.pack()), "B14", "");
    let mut cut = Forge::new();
    cut.set_plan(b"{\"format\":1");
    refused("cut", verify(&cut.pack()), "B14", "");
}

#[test]
fn every_file_that_is_not_there_or_not_a_file_is_named() {
    let trust = trust(&[("k", key(1).public())]);
    refused("missing", Verified::archive("/nonexistent/x".as_ref(), &trust), "B01", "opening /nonexistent/x");
    refused("directory", Verified::archive("/".as_ref(), &trust), "B03", "not a regular file");
    refused("device", Verified::archive("/dev/zero".as_ref(), &trust), "B03", "not a regular file");
}

#[test]
fn every_layer_is_checked() {
    for at in 0..4 {
        let mut forge = Forge::new();
        let name = forge.layer(at);
        let bytes = forge.members.get_mut(&name).expect("there");
        bytes.push(b'x');
        refused(&name, verify(&forge.pack()), "B13", &name);
    }
}
