//! The first of what a team or a resource is told with over the API: there may be as many as the tenant has users. Where there are
//! more, `next` says after whom the list at their own address goes on, and such a body is not taken back as if it were all
//! ([`single::PART`]).

use serde_json::Value;

use crate::apply::single::{self, Noun};

/// Most of them that a thing is told with.
const MOST: usize = 1_000;

/// What of a thing of this noun may be long.
#[must_use]
pub fn of(noun: Noun) -> Option<&'static str> {
    single::long(noun)
}

/// Leaves the first of them, in the order of the list at their own address.
pub fn cut(noun: Noun, thing: &mut Value) {
    let Some(all) = of(noun).and_then(|name| thing.get_mut(name)).and_then(Value::as_array_mut) else { return };
    if all.len() <= MOST {
        return;
    }
    all.sort_by_cached_key(place);
    all.truncate(MOST);
    let Some((kind, name)) = all.last().map(place) else { return };
    let next = if kind.is_empty() { name } else { format!("{kind}:{name}") };
    thing[single::PART] = next.into();
}

/// The kind of a collaborator and what they are called; of a member the address alone.
fn place(one: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match one.as_object() {
        Some(fields) => fields.iter().find(|(key, _)| *key != "role").map(|(kind, name)| (kind.clone(), text(name))),
        None => Some((String::new(), text(one))),
    }
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_stays_what_it_is() {
        let all: Vec<String> = (0..MOST).rev().map(|n| format!("u-{n:05}@acme.example")).collect();
        let mut team = json!({"name": "sre", "members": all});
        let was = team.clone();
        cut(Noun::Teams, &mut team);
        assert_eq!(team, was);
        let mut user = json!({"email": "ada@acme.example", "members": [1]});
        cut(Noun::Users, &mut user);
        assert_eq!(user, json!({"email": "ada@acme.example", "members": [1]}));
    }

    #[test]
    fn the_first_of_many_say_where_the_others_begin() {
        let all: Vec<String> = (0..=MOST).map(|n| format!("u-{n:05}@acme.example")).collect();
        let mut team = json!({"members": all});
        cut(Noun::Teams, &mut team);
        let next = format!("u-{:05}@acme.example", MOST - 1);
        assert_eq!((team["members"].as_array().map(Vec::len), team["next"].as_str()), (Some(MOST), Some(next.as_str())));
        // In the order of the words of their kinds, whatever order they are told in.
        let users = (0..MOST).map(|n| json!({"user": format!("u-{n:05}"), "role": "viewer"}));
        let others = [json!({"team": "sre", "role": "editor"}), json!({"external_identity": "ci", "role": "viewer"})];
        let mut resource = json!({"collaborators": users.chain(others).collect::<Vec<_>>()});
        cut(Noun::Resources, &mut resource);
        assert_eq!(resource["collaborators"][0], json!({"external_identity": "ci", "role": "viewer"}));
        assert_eq!(resource["collaborators"][1], json!({"team": "sre", "role": "editor"}));
        assert_eq!(resource["next"], json!(format!("user:u-{:05}", MOST - 3)));
    }
}
