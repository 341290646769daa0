//! What is written: whole, shared, sealed, the same for the same, and bounded for each node.

use crate::cluster::{Cluster, FILE, SHARED, contains, everything, identity, layer, listing, own_secret};
use compute_init::export::generation::{Keep, Seal, WriteError, write};
use compute_init::export::recipients::Recipients;
use compute_init::plan::export::{BLOBS, CURRENT, GENERATIONS};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_host_gets_what_was_exported_for_it() {
    let cluster = Cluster::new(5);
    let written = cluster.write();
    assert!(written.new && written.serial == cluster.now);
    for (n, (name, host)) in cluster.export.hosts.iter().enumerate() {
        let view = cluster.read(n).unwrap();
        assert_eq!((&view.host.name, view.host.host.as_str()), (name, format!("n{n}").as_str()));
        let mut wanted = 0;
        for layer in &host.vars {
            for (name, value) in &layer.vars {
                let found = if layer.secret.contains(name) { &view.secrets.vars } else { &view.part.vars };
                assert_eq!(found.get(name), Some(value), "{name} of host {n}");
                wanted += 1;
            }
        }
        assert_eq!(view.part.vars.len() + view.secrets.vars.len(), wanted, "nothing more");
        assert_eq!(view.part.group_names.as_ref(), Some(&host.group_names));
        assert_eq!(view.part.groups.as_ref(), Some(&*host.groups));
        let ctl = &view.part.others.as_ref().unwrap()["ctl"];
        assert!(ctl.vars.contains_key("addr") && !ctl.vars.contains_key("token"));
        assert!(view.secrets.others["ctl"].contains_key("token"));
        let names: Vec<&str> = view.files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, [&format!("hostconfig/n{n}/nhc.conf"), "hosts"]);
        let names: Vec<&String> = view.secrets.files.keys().collect();
        assert_eq!(names, [&format!("hostconfig/n{n}/sssd.conf"), "manila_share_info.yml"]);
    }
}

#[test]
fn no_secret_is_in_the_export_and_no_hosts_secret_is_anothers() {
    let cluster = Cluster::new(4);
    cluster.write();
    let all = everything(&cluster.dest());
    assert!(contains(&all, "10.0.0.1"), "what is not secret can be read");
    for secret in [SHARED, FILE, "SECRET", &own_secret(1)] {
        assert!(!contains(&all, secret), "{secret}");
        assert!(!contains(&all, &base64_of(secret)), "{secret} in base64");
    }
    for n in 0..4 {
        let seen = format!("{:?}", cluster.read(n).unwrap().secrets);
        for other in 0..4 {
            assert_eq!(seen.contains(&own_secret(other)), n == other);
        }
    }
}

/// The middle of a text's base64, whatever stands before it.
fn base64_of(text: &str) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(text);
    encoded[..encoded.len() - 2].to_owned()
}

#[test]
fn the_same_inventory_is_the_same_generation_and_nothing_is_written() {
    let mut cluster = Cluster::new(6);
    let first = cluster.write();
    let before = listing(&cluster.dest());
    cluster.now += 1000;
    let second = cluster.write();
    assert_eq!((second.digest, second.serial, second.new, second.blobs), (first.digest, first.serial, false, (0, 0)));
    assert_eq!(listing(&cluster.dest()), before);
    // On another machine, with the same key and time.
    let other = tempfile::tempdir().unwrap();
    cluster.now -= 1000;
    let settings = compute_init::export::generation::Settings { dest: other.path().into(), ..cluster.settings() };
    assert_eq!(write(&cluster.export, &settings).unwrap().digest, first.digest);
}

#[test]
fn a_change_to_one_host_rewrites_that_host_alone() {
    let mut cluster = Cluster::new(40);
    let first = cluster.write();
    cluster.now += 10;
    cluster.change(7, "address", "10.9.9.9");
    let second = cluster.write();
    assert!(second.new && second.serial > first.serial);
    assert_eq!(second.blobs.0, 2, "the host's index and its shard: {second:?}");
    // A value that all hosts had together.
    cluster.now += 10;
    cluster.change(8, "domain", "elsewhere");
    assert_eq!(cluster.write().blobs.0, 2);
    assert_eq!(cluster.read(8).unwrap().var("domain"), Some("elsewhere"));
    assert_eq!(cluster.read(9).unwrap().var("domain"), Some("cluster"));
    // A variable that one host has not.
    cluster.now += 10;
    let (_, host) = cluster.export.hosts.get_index_mut(9).unwrap();
    host.vars.retain(|layer| !layer.vars.contains_key("partition"));
    assert_eq!(cluster.write().blobs.0, 2);
    assert_eq!(cluster.read(9).unwrap().var("partition"), None);
    assert_eq!(cluster.read(11).unwrap().var("partition"), Some("{{ 'odd' }}"));
    // A secret: what is sealed, the host's index, its shard.
    cluster.now += 10;
    cluster.change(7, "password", "SECRET-new");
    assert_eq!(cluster.write().blobs.0, 3);
}

#[test]
fn what_a_node_reads_does_not_grow_with_the_cluster() {
    let measure = |count: usize| {
        let cluster = Cluster::new(count);
        cluster.write();
        let view = cluster.read(count / 2).unwrap();
        assert!(view.bytes <= 64 << 10, "{} bytes of {count} hosts", view.bytes);
        view.requests
    };
    assert_eq!(measure(20), measure(2000));
}

#[test]
fn old_generations_are_pruned_when_nobody_can_be_reading_them() {
    let mut cluster = Cluster::new(3);
    cluster.keep = Keep { count: 2, age: Duration::from_secs(100) };
    let count = |cluster: &Cluster, dir: &str| fs::read_dir(cluster.at(dir)).unwrap().count();
    cluster.write();
    let blobs = count(&cluster, BLOBS);
    for n in 1..=5 {
        cluster.now += 10;
        cluster.change(0, "address", &format!("10.9.9.{n}"));
        assert_eq!(cluster.write().pruned, 0);
    }
    assert_eq!(count(&cluster, GENERATIONS), 12, "a signed index and a list of each");
    cluster.now += 1000;
    cluster.change(0, "address", "10.1.0.0");
    // The last two stay: one by its number, the one before was in force until now.
    assert!(cluster.write().pruned > 0);
    assert_eq!(count(&cluster, GENERATIONS), 4);
    assert_eq!(count(&cluster, BLOBS), blobs + 2);
    cluster.read(0).unwrap();
}

#[test]
fn serial_numbers_only_grow() {
    let mut cluster = Cluster::new(1);
    let first = cluster.write().serial;
    // A clock that went back does not take serials back.
    cluster.now -= 1_000_000;
    cluster.change(0, "address", "1");
    let second = cluster.write().serial;
    assert_eq!(second, first + 1);
    // An export that was lost is newer than the lost one by the time.
    fs::remove_dir_all(cluster.dest()).unwrap();
    cluster.now += 2_000_000;
    assert!(cluster.write().serial > second);
}

#[test]
fn a_generation_with_an_end_is_renewed_after_half_its_time() {
    let mut cluster = Cluster::new(1);
    cluster.valid = Some(Duration::from_secs(1000));
    let first = cluster.write();
    assert_eq!(cluster.open().unwrap().index().expires, Some(cluster.now + 1000));
    cluster.now += 400;
    assert!(!cluster.write().new);
    cluster.now += 200;
    let second = cluster.write();
    assert!(second.new && second.serial > first.serial && second.blobs == (0, 0), "{second:?}");
}

#[test]
fn another_key_signs_anew() {
    let mut cluster = Cluster::new(2);
    let first = cluster.write();
    cluster.key = compute_init::bundle::SigningKey::generate().unwrap();
    let second = cluster.write();
    assert!(second.new && second.serial > first.serial);
    cluster.read(1).unwrap();
}

#[test]
fn files_are_for_their_group_and_seals_for_their_owner() {
    let cluster = Cluster::new(1);
    cluster.write();
    let mode = |name: &str| fs::metadata(cluster.at(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("compute-init"), mode(BLOBS), mode(CURRENT)), (0o750, 0o750, 0o640));
    assert_eq!(mode("compute-init/.sealed"), 0o600);
    if nix::unistd::geteuid().is_root() {
        use std::os::unix::fs::MetadataExt;
        let owner = |name: &str| fs::metadata(cluster.at(name)).map(|m| (m.uid(), m.gid())).unwrap();
        let blob = fs::read_dir(cluster.at(BLOBS)).unwrap().next().unwrap().unwrap().file_name();
        for name in ["compute-init", GENERATIONS, BLOBS, CURRENT, &format!("{BLOBS}/{}", blob.to_str().unwrap())] {
            assert_eq!(owner(name), (0, 301), "{name}");
        }
    }
}

#[test]
fn hosts_without_a_recipient_are_all_named_and_nothing_is_written() {
    let cluster = Cluster::new(3);
    cluster.write();
    let before = listing(&cluster.dest());
    let mut recipients = Recipients::default();
    recipients.insert("n1", identity(1).recipient());
    let settings = compute_init::export::generation::Settings { seal: Seal::To(recipients), ..cluster.settings() };
    match write(&cluster.export, &settings) {
        Err(WriteError::Recipients(hosts)) => assert_eq!(hosts, ["n0 has no recipient", "n2 has no recipient"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(listing(&cluster.dest()), before);
}

#[test]
fn a_site_may_choose_not_to_seal() {
    let mut cluster = Cluster::new(2);
    cluster.seal = false;
    cluster.write();
    assert!(contains(&everything(&cluster.dest()), SHARED));
    let view = cluster.read(1).unwrap();
    assert_eq!(view.host.sealed.unwrap().recipient, "none");
    assert!(format!("{:?}", view.secrets).contains(&own_secret(1)));
}

#[test]
fn names_that_nodes_could_not_tell_apart_are_refused() {
    let mut cluster = Cluster::new(2);
    let host = cluster.export.hosts[0].clone();
    cluster.export.hosts.insert("n1.elsewhere".to_owned(), host.clone());
    assert!(cluster.try_write().unwrap_err().to_string().contains("same short name"));
    cluster.export.hosts.pop();
    for name in ["../x", "", "a b", &"x".repeat(65)] {
        cluster.export.hosts.insert(name.to_owned(), host.clone());
        assert!(cluster.try_write().unwrap_err().to_string().contains("cannot be the name"), "{name}");
        cluster.export.hosts.pop();
    }
    cluster.export.hosts.clear();
    assert!(cluster.try_write().unwrap_err().to_string().contains("no host"));
}

#[test]
fn a_host_alone_and_hosts_without_anything_are_exported() {
    let mut cluster = Cluster::new(1);
    cluster.export.shared.clear();
    cluster.write();
    assert_eq!(cluster.read(0).unwrap().var("domain"), Some("cluster"));
    let (_, host) = cluster.export.hosts.get_index_mut(0).unwrap();
    host.vars = vec![Arc::new(layer(&[], &[]))];
    host.files.clear();
    host.others = Arc::default();
    cluster.write();
    let view = cluster.read(0).unwrap();
    assert!(view.part.vars.is_empty() && view.host.sealed.is_none());
}
