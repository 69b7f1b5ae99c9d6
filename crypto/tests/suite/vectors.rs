//! What independent implementations made of the same keys, replayed without a network.

use crate::check::check;

const FILES: [&str; 3] = [
    include_str!("../../vectors/x3dh-1.json"),
    include_str!("../../vectors/x3dh-2.json"),
    include_str!("../../vectors/x3dh-3.json"),
];

#[test]
fn every_committed_vector_holds() {
    for file in FILES {
        let count = check(file).expect("every event holds");
        assert!(count > 500, "{count} events");
    }
}

#[test]
fn a_changed_vector_is_noticed() {
    let change = |from: &str, to: &str| check(&FILES[0].replacen(from, to, 1));
    assert!(check(FILES[0]).is_ok());
    let at = FILES[0].find("\"ct\": \"").expect("there is one") + 27;
    let digit = &FILES[0][at..=at];
    let other = if digit == "0" { "1" } else { "0" };
    let mut changed = FILES[0].to_owned();
    changed.replace_range(at..=at, other);
    assert!(check(&changed).is_err());
    assert!(change("\"refused_ct\": \"0101", "\"refused_ct\": \"0101").is_ok());
    assert!(change("\"mode\": \"x3dh\"", "\"mode\": \"none\"").is_err());
    assert!(change("\"format\": 1", "\"format\": 2").is_err());
    assert!(check("{}").is_err());
}
