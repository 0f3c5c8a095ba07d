//! PATCH of lists, of users and of groups, in all dialects: whatever is sent, what it leaves is what a PUT leaves of somebody who
//! was changed without operations (`properties` has what is no list).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Pusher, Scim, at, properties::Dice};
use crate::{on_both, world::Backend};

on_both!(lists_end_where_put_does, members_end_where_put_does);

const TYPES: [&str; 4] = ["work", "home", "mobile", "other"];

/// The values of one attribute, each of another type, as people would write them down: it knows nothing of operations.
struct List(Vec<Map<String, Value>>);

impl List {
    fn at(&self, kind: &str) -> Option<usize> {
        self.0.iter().position(|element| element["type"] == json!(kind))
    }

    /// The element of a type, made if there is none.
    fn of(&mut self, kind: &str) -> &mut Map<String, Value> {
        let at = self.at(kind).unwrap_or_else(|| {
            self.0.push(Map::from_iter([("type".to_owned(), json!(kind))]));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn value(&self) -> Value {
        json!(self.0)
    }
}

/// The operators as clients spell them.
fn set(dice: &mut Dice) -> &'static str {
    dice.of(&["add", "Add", "replace", "Replace"])
}

/// An operation on the list `name`, and the same done to the model.
fn operation(dice: &mut Dice, name: &str, list: &mut List) -> Value {
    let kind = dice.of(&TYPES);
    let value = match name {
        "emails" => format!("k{}@acme.example", dice.roll(1_000_000)),
        _ => format!("+{}", dice.roll(1_000_000)),
    };
    let there = list.at(kind);
    match dice.roll(12) {
        0 | 1 => {
            list.of(kind).insert("value".to_owned(), json!(value));
            let path = format!("{name}[type eq \"{kind}\"].value");
            match dice.roll(2) {
                0 => json!({"op": set(dice), "path": path, "value": value}),
                _ => json!({"op": set(dice), "value": {path: value}}),
            }
        }
        2 => {
            let element = json!({"type": kind, "value": value});
            match there {
                // What is there already is not there twice.
                Some(at) => json!({"op": "add", "path": name, "value": [{"type": kind, "value": list.0[at]["value"]}]}),
                None => {
                    list.0.push(element.as_object().unwrap().clone());
                    match dice.roll(3) {
                        0 => json!({"op": "add", "path": name, "value": [element]}),
                        1 => json!({"op": "Add", "path": name.to_uppercase(), "value": element}),
                        _ => json!({"op": "add", "value": {name: [element]}}),
                    }
                }
            }
        }
        3 => {
            list.0.retain(|element| element["type"] != json!(kind));
            json!({"op": dice.of(&["remove", "Remove"]), "path": format!("{name}[type eq \"{kind}\"]")})
        }
        4 => {
            // Named by its value, there or not.
            let value = there.map_or(json!(value), |at| list.0[at]["value"].clone());
            list.0.retain(|element| element["value"] != value);
            match dice.roll(3) {
                0 => json!({"op": "Remove", "path": name, "value": [{"value": value}]}),
                1 => json!({"op": "remove", "path": name, "value": {"value": value, "$ref": null}}),
                _ => json!({"op": "remove", "path": format!("{name}[value eq {value}]")}),
            }
        }
        5 => {
            let element = json!({"type": kind, "value": value, "display": "new"}).as_object().unwrap().clone();
            *list.of(kind) = element;
            let given = json!({"value": value, "display": "new"});
            json!({"op": dice.of(&["replace", "Replace"]), "path": format!("{name}[type eq \"{kind}\"]"), "value": given})
        }
        6 => {
            list.of(kind).extend(json!({"value": value, "display": "more"}).as_object().unwrap().clone());
            let given = json!([{"value": value, "display": "more"}]);
            json!({"op": dice.of(&["add", "Add"]), "path": format!("{name}[type eq \"{kind}\"]"), "value": given})
        }
        7 => {
            let Some(at) = there else { return json!({"op": "remove", "path": format!("{name}[type eq \"{kind}\"].display")}) };
            list.0[at].insert("display".to_owned(), json!("told"));
            json!({"op": set(dice), "path": format!("{name}[type eq \"{kind}\" and value pr].display"), "value": "told"})
        }
        8 => {
            if let Some(at) = there {
                list.0[at].remove("display");
            }
            json!({"op": "remove", "path": format!("{name}[type eq \"{kind}\"].display")})
        }
        9 => {
            let Some(at) = there else { return json!({"op": "remove", "path": format!("{name}[type eq \"{kind}\"]")}) };
            // One is primary, and of two the newer.
            for element in list.0.iter_mut().filter(|element| element.get("primary") == Some(&json!(true))) {
                element.insert("primary".to_owned(), json!(false));
            }
            list.0[at].insert("primary".to_owned(), json!(true));
            let truth = dice.of(&[json!(true), json!("True")]);
            json!({"op": set(dice), "path": format!("{name}[type eq \"{kind}\"].primary"), "value": truth})
        }
        10 => {
            let whole = json!([{"type": kind, "value": value}]);
            list.0 = vec![whole[0].as_object().unwrap().clone()];
            match dice.roll(2) {
                0 => json!({"op": "replace", "path": name, "value": whole}),
                _ => json!({"op": "Replace", "value": {name: whole}}),
            }
        }
        _ => {
            list.0.retain(|element| element.get("display") != Some(&json!("new")));
            json!({"op": "remove", "path": format!("{name}[display eq \"NEW\"]")})
        }
    }
}

async fn lists_end_where_put_does(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut dice = Dice(11);
    let (kim, ray) = (scim.user("kim@acme.example").await, scim.user("ray@acme.example").await);
    let lists = |of: &Value| ["emails", "phoneNumbers", "ims"].map(|name| of.get(name).cloned().unwrap_or_else(|| json!([])));
    let mut models = [("emails", List(Vec::new())), ("phoneNumbers", List(Vec::new())), ("ims", List(Vec::new()))];
    scim.patch(&at(&kim), json!([{"op": "remove", "path": "emails"}])).await;
    let (mut changed, mut before) = (0, lists(&Value::Null));
    for _ in 0..80 {
        let operations: Vec<Value> = (0..=dice.roll(5))
            .map(|_| {
                let at = dice.roll(models.len());
                let (name, list) = &mut models[at];
                operation(&mut dice, name, list)
            })
            .collect();
        let patched = scim.patch(&at(&kim), json!(operations)).await;
        assert_eq!(patched.status, 200, "{operations:#?}: {}", patched.body);
        let patched = patched.json();
        assert_eq!(lists(&scim.get(&at(&kim)).await.json()), lists(&patched));
        let mut body = json!({"userName": "ray@acme.example"});
        for (name, list) in &models {
            body[*name] = list.value();
        }
        // Two people cannot have one address.
        let body: Value = serde_json::from_str(&body.to_string().replace("\"k", "\"r")).unwrap();
        let put = scim.put(&at(&ray), &body).await;
        assert_eq!(put.status, 200, "{body}: {}", put.body);
        let put: Value = serde_json::from_str(&put.json().to_string().replace("\"r", "\"k")).unwrap();
        assert_eq!(lists(&patched), lists(&put), "{operations:#?}");
        changed += usize::from(lists(&patched) != before);
        before = lists(&patched);
    }
    assert!(changed > 60, "{changed} of 80 changed anything");
}

/// An operation on members, and the same done to the set of them.
fn membership(dice: &mut Dice, people: &[String], members: &mut BTreeSet<String>) -> Value {
    let some: Vec<String> = (0..=dice.roll(3)).map(|_| dice.of(people)).collect();
    let one = some[0].clone();
    let list = |some: &[String]| some.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
    let dressed = |some: &[String]| some.iter().map(|id| json!({"$ref": null, "value": id, "display": "x"})).collect::<Vec<_>>();
    match dice.roll(13) {
        0 | 1 => {
            members.extend(some.iter().cloned());
            json!({"op": dice.of(&["add", "Add"]), "path": "members", "value": list(&some)})
        }
        2 => {
            members.extend(some.iter().cloned());
            json!({"op": "Add", "path": "members", "value": dressed(&some)})
        }
        3 => {
            members.extend(some.iter().cloned());
            json!({"op": "add", "value": {"members": dressed(&some)}})
        }
        4 => {
            members.insert(one.clone());
            let value = dice.of(&[json!({"value": one}), json!([one])]);
            json!({"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members", "value": value})
        }
        5 => {
            members.remove(&one);
            json!({"op": "remove", "path": format!("members[value eq \"{one}\"]")})
        }
        6 => {
            members.retain(|id| !some.contains(id));
            let filter: Vec<String> = some.iter().map(|id| format!("value eq \"{id}\"")).collect();
            json!({"op": "Remove", "path": format!("members[{}]", filter.join(" or "))})
        }
        // Taking the list for everybody would empty the group.
        7 | 8 => {
            members.retain(|id| !some.contains(id));
            json!({"op": "Remove", "path": "members", "value": dressed(&some)})
        }
        9 => {
            *members = some.iter().cloned().collect();
            json!({"op": dice.of(&["replace", "Replace"]), "path": "members", "value": list(&some)})
        }
        10 => {
            *members = some.iter().cloned().collect();
            json!({"op": "replace", "value": {"members": list(&some), "externalId": "x"}})
        }
        11 => {
            members.clear();
            dice.of(&[json!({"op": "remove", "path": "members"}), json!({"op": "replace", "path": "members", "value": []})])
        }
        _ => json!({"op": "replace", "value": {"externalId": one}}),
    }
}

async fn who_is_in(directory: &Pusher, group: &Value) -> Vec<String> {
    let read = directory.get(&at(group)).await.json();
    let mut ids: Vec<String> =
        read["members"].as_array().unwrap().iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

async fn members_end_where_put_does(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut dice = Dice(13);
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(scim.user(&format!("u{n}@acme.example")).await["id"].as_str().unwrap().to_owned());
    }
    let (one, other) = (scim.group("one", &[]).await, scim.group("other", &[]).await);
    let (mut members, mut before, mut changed) = (BTreeSet::new(), Vec::new(), 0);
    for _ in 0..100 {
        let operations: Vec<Value> = (0..=dice.roll(4)).map(|_| membership(&mut dice, &people, &mut members)).collect();
        let patched = scim.patch(&at(&one), json!(operations)).await;
        assert_eq!(patched.status, 204, "{operations:#?}: {}", patched.body);
        let list: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        assert_eq!(scim.put(&at(&other), &json!({"displayName": "other", "members": list})).await.status, 200);
        let is = who_is_in(&scim, &one).await;
        assert_eq!(is, who_is_in(&scim, &other).await, "{operations:#?}");
        changed += usize::from(is != before);
        before = is;
    }
    assert!(changed > 60, "{changed} of 100 changed anything");
}
