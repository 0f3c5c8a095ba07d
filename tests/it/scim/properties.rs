//! Two ways to one answer: SQL finds whom the filter fits in memory, and operations end where a whole resource does.

use gatehouse::scim::{
    filter,
    schema::{GROUP, USER},
};
use serde_json::{Map, Value, json};

use super::{Scim, at, names};
use crate::{on_both, world::Backend};

on_both!(filters_mean_the_same_in_sql, operations_end_where_put_does);

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub fn of<T: Clone>(&mut self, some: &[T]) -> T {
        some[self.roll(some.len())].clone()
    }
}

const WORDS: &[&str] = &[
    "kim",
    "Kim",
    "KIM",
    "ode",
    "Ode%",
    "o_e",
    "100%",
    "a\\b",
    "O'Neil",
    "Ärzte",
    "ärzte",
    "ß",
    "日本",
    "k",
    "",
    "zz top",
    "-1",
    // A language puts these elsewhere than their bytes do.
    "É",
    "é",
    "e",
    "f",
    "Zoë",
    "zoe",
    "ä",
    "z",
    "_x",
    "co-op",
    "coop",
    "co op",
    "\u{10ffff}",
];

fn someone(dice: &mut Dice, n: usize) -> Value {
    let mut user = json!({"userName": format!("{}{n}", dice.of(WORDS)), "active": dice.roll(3) > 0});
    let fields = user.as_object_mut().unwrap();
    for name in ["displayName", "externalId", "title"] {
        if dice.roll(3) > 0 {
            fields.insert(name.into(), json!(dice.of(WORDS)));
        }
    }
    let mut name = Map::new();
    for part in ["givenName", "familyName"] {
        if dice.roll(2) > 0 {
            name.insert(part.into(), json!(dice.of(WORDS)));
        }
    }
    fields.insert("name".into(), name.into());
    let mut emails = Vec::new();
    for kind in ["work", "Home", ""] {
        if dice.roll(2) > 0 {
            // Most of one's own: no two records stand for one user.
            let own = if dice.roll(6) > 0 { n.to_string() } else { String::new() };
            let mut email = json!({"value": format!("{}{own}@{}.example", dice.of(&["kim", "Ray", "a_b"]), dice.roll(4))});
            if !kind.is_empty() {
                email["type"] = json!(kind);
            }
            if dice.roll(6) == 0 {
                email.as_object_mut().unwrap().remove("value");
                email["display"] = json!("no value");
            }
            if emails.is_empty() && dice.roll(2) > 0 {
                email["primary"] = json!(dice.roll(2) > 0);
            }
            emails.push(email);
        }
    }
    fields.insert("emails".into(), emails.into());
    user
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn comparison(dice: &mut Dice, times: &[String], groups: &[String]) -> String {
    let word = match dice.roll(3) {
        0 => quoted(dice.of(WORDS)),
        1 => quoted(&format!("{}{}", dice.of(WORDS), dice.roll(60))),
        _ => quoted(&format!("{}@{}.example", dice.of(&["KIM", "ray", "a_b"]), dice.roll(4))),
    };
    let operator = dice.of(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "Eq", "CO"]);
    let equality = dice.of(&["eq", "ne"]);
    let text = dice.of(&[
        "userName",
        "USERNAME",
        "displayName",
        "externalId",
        "name.givenName",
        "name.familyName",
        "emails.value",
        "emails",
        "emails.type",
        "id",
    ]);
    match dice.roll(14) {
        12 => format!("{text} sw {}", quoted(&dice.of(WORDS).chars().take(1 + dice.roll(2)).collect::<String>())),
        13 => format!(
            "{text} {} {word} or {text} {} {}",
            dice.of(&["eq", "sw"]),
            dice.of(&["eq", "sw", "gt"]),
            quoted(dice.of(WORDS))
        ),
        0..=4 => format!("{text} {operator} {word}"),
        5 => format!("{text} pr"),
        6 => format!("active {equality} {}", dice.of(&["true", "false", "\"True\""])),
        7 => format!(
            "{} {} \"{}\"",
            dice.of(&["meta.created", "meta.lastModified"]),
            dice.of(&["eq", "ne", "gt", "ge", "lt", "le"]),
            dice.of(times)
        ),
        8 => format!("emails[{}]", within(dice, 2)),
        9 => format!("emails.primary {equality} {}", dice.of(&["true", "false"])),
        10 => format!("groups.value {equality} \"{}\"", dice.of(groups)),
        _ => dice
            .of(&[
                "groups pr",
                "emails pr",
                "emails.type pr",
                "emails.primary pr",
                "displayName eq null",
                "externalId ne null",
                "active pr",
            ])
            .to_owned(),
    }
}

fn within(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(if depth == 0 { 3 } else { 6 }) {
        0 => format!("type {} \"{}\"", dice.of(&["eq", "ne", "sw"]), dice.of(&["work", "HOME", "h"])),
        1 => format!(
            "value {} \"{}\"",
            dice.of(&["eq", "co", "gt", "ne"]),
            dice.of(&["kim@1.example", "RAY", "a_b@2.example", "@3"])
        ),
        2 => dice.of(&["primary eq true", "primary eq false", "value pr", "not (type pr)"]).to_owned(),
        3 => format!("{} and {}", within(dice, depth - 1), within(dice, depth - 1)),
        4 => format!("({}) or ({})", within(dice, depth - 1), within(dice, depth - 1)),
        _ => format!("not ({})", within(dice, depth - 1)),
    }
}

fn question(dice: &mut Dice, times: &[String], groups: &[String], depth: usize) -> String {
    let inner = |dice: &mut Dice| question(dice, times, groups, depth - 1);
    match dice.roll(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => comparison(dice, times, groups),
        2 => format!("({}) and ({})", inner(dice), inner(dice)),
        3 => format!("({}) or ({})", inner(dice), inner(dice)),
        _ => format!("not ({})", inner(dice)),
    }
}

async fn filters_mean_the_same_in_sql(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut dice = Dice(20_261_122);
    let mut users = Vec::new();
    let mut times = vec!["2020-01-01T00:00:00Z".to_owned()];
    for n in 0..90 {
        let body = someone(&mut dice, n);
        let answer = scim.post("/Users", &body).await;
        // Two of one address are two of one user, which is another test's matter.
        assert!([201, 409].contains(&answer.status), "{body} {}", answer.body);
        if answer.status == 201 {
            users.push(answer.json());
            scim.world.clock.advance(i64::try_from(dice.roll(3)).unwrap());
        }
    }
    assert!(users.len() > 40, "{}", users.len());
    let mut groups = vec!["none".to_owned()];
    for name in ["One", "Two"] {
        let some: Vec<&Value> = users.iter().filter(|_| dice.roll(2) > 0).collect();
        groups.push(scim.group(name, &some).await["id"].as_str().unwrap().to_owned());
    }
    let all = scim.get("/Users?count=200").await.json();
    let all = all["Resources"].as_array().unwrap();
    times.extend(all.iter().step_by(7).map(|user| user["meta"]["created"].as_str().unwrap().to_owned()));
    times.push(times[2].replace('Z', ".25+00:00"));

    let (mut empty, mut whole, mut refused) = (0, 0, 0);
    for _ in 0..600 {
        let text = question(&mut dice, &times, &groups, 3);
        let parsed = filter::parse(&text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        let fitting: Vec<&str> =
            all.iter().filter(|user| parsed.matches(user, &USER)).map(|user| user["userName"].as_str().unwrap()).collect();
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &text).finish();
        let answer = scim.get(&format!("/Users?count=200&{query}")).await;
        if answer.status == 400 {
            refused += 1;
            continue;
        }
        assert_eq!(answer.status, 200, "{text}: {}", answer.body);
        assert_eq!(names(&answer.json()), fitting, "{text}");
        empty += usize::from(fitting.is_empty());
        whole += usize::from(fitting.len() == all.len());
    }
    assert!(refused < 30, "{refused} refused");
    assert!(empty < 300 && whole < 300, "{empty} find nobody, {whole} everybody: they tell nothing");

    let by = |order: &str| {
        let mut names: Vec<&str> = all.iter().map(|user| user["userName"].as_str().unwrap()).collect();
        names.sort_by_key(|name| name.to_lowercase());
        if order == "descending" {
            names.reverse();
        }
        names
    };
    for order in ["ascending", "descending"] {
        let listed = scim.get(&format!("/Users?count=200&sortBy=userName&sortOrder={order}")).await.json();
        assert_eq!(names(&listed), by(order), "byte by byte, on any database");
        // The same where ways lead to the rows, and they are sorted last.
        let filter = "filter=userName+sw+%22a%22+or+userName+ge+%22%22";
        let listed = scim.get(&format!("/Users?count=200&sortBy=userName&sortOrder={order}&{filter}")).await.json();
        assert_eq!(names(&listed), by(order));
    }

    let all = scim.get("/Groups").await.json();
    for text in [
        "displayName sw \"o\"",
        "displayName ge \"p\"",
        "not (members pr)",
        "externalId pr or displayName eq two",
        "meta.created pr",
    ] {
        let parsed = filter::parse(text).unwrap();
        let fitting = all["Resources"].as_array().unwrap().iter().filter(|group| parsed.matches(group, &GROUP));
        let fitting: Vec<&str> = fitting.map(|group| group["displayName"].as_str().unwrap()).collect();
        assert_eq!(scim.found("/Groups", text).await, fitting, "{text}");
    }
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What a user is to be, changed as people would change it: it knows nothing of operations.
struct Model(Map<String, Value>);

impl Model {
    fn set(&mut self, path: &[&str], value: Option<Value>) {
        let (last, before) = path.split_last().unwrap();
        let mut fields = &mut self.0;
        for name in before {
            let inner = fields.entry(*name).or_insert_with(|| json!({}));
            fields = inner.as_object_mut().unwrap();
        }
        match value {
            Some(value) => drop(fields.insert((*last).to_owned(), value)),
            None => drop(fields.remove(*last)),
        }
    }
}

/// An operation, and the same done to the model.
fn operation(dice: &mut Dice, model: &mut Model) -> Value {
    let value = json!(dice.of(WORDS));
    let op = dice.of(&["add", "Replace", "replace", "Add"]);
    let singles: [(&str, &[&str]); 6] = [
        ("title", &["title"]),
        ("DISPLAYNAME", &["displayName"]),
        ("nickName", &["nickName"]),
        ("name.givenName", &["name", "givenName"]),
        ("shoeSize", &["shoeSize"]),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", &[ENTERPRISE, "department"]),
    ];
    let (path, place) = dice.of(&singles);
    match dice.roll(7) {
        0 => {
            model.set(place, None);
            json!({"op": dice.of(&["remove", "Remove"]), "path": path})
        }
        1 => {
            let active = dice.roll(2) > 0;
            model.set(&["active"], Some(active.into()));
            json!({"op": op, "path": "active", "value": if active { dice.of(&[json!(true), json!("True")]) } else { json!("False") }})
        }
        2 => {
            model.set(&["title"], Some(value.clone()));
            model.set(&["name", "familyName"], Some(value.clone()));
            model.set(&["locale"], Some("en".into()));
            json!({"op": op, "value": {"title": value, "name": {"familyName": value}, "locale": "en"}})
        }
        3 => {
            let phones = json!([{"value": format!("1{}", dice.roll(9)), "type": dice.of(&["work", "home"])}]);
            model.set(&["phoneNumbers"], Some(phones.clone()));
            json!({"op": "replace", "path": "phoneNumbers", "value": phones})
        }
        4 => {
            model.set(place, Some(value.clone()));
            match place.split_first() {
                Some((only, [])) => json!({"op": op, "value": {*only: value}}),
                _ => json!({"op": op, "path": path, "value": value}),
            }
        }
        _ => {
            model.set(place, Some(value.clone()));
            json!({"op": op, "path": path, "value": value})
        }
    }
}

/// Any operations: what they leave is what a PUT leaves of a user who was changed without them.
async fn operations_end_where_put_does(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut dice = Dice(7);
    let kim = scim.user("kim@acme.example").await;
    let ray = scim.user("ray@acme.example").await;
    let comparable = |user: &Value| {
        let mut user = user.clone();
        for own in ["id", "meta", "userName", "emails", "schemas"] {
            user.as_object_mut().unwrap().remove(own);
        }
        user
    };
    let Value::Object(start) = comparable(&kim) else { panic!("an object") };
    let mut model = Model(start);
    let mut before = kim.clone();
    let mut changed = 0;
    for _ in 0..60 {
        let operations: Vec<Value> = (0..=dice.roll(4)).map(|_| operation(&mut dice, &mut model)).collect();
        let patched = scim.patch(&at(&kim), json!(operations)).await;
        assert_eq!(patched.status, 200, "{operations:?}: {}", patched.body);
        let patched = patched.json();
        assert_eq!(scim.get(&at(&kim)).await.json(), patched, "{operations:?}");
        let mut body = Value::Object(model.0.clone());
        body["userName"] = json!("ray@acme.example");
        let put = scim.put(&at(&ray), &body).await;
        assert_eq!(put.status, 200, "{body}: {}", put.body);
        assert_eq!(comparable(&patched), comparable(&put.json()), "{operations:?}");
        changed += usize::from(comparable(&patched) != comparable(&before));
        before = patched;
    }
    assert!(changed > 40, "{changed} of 60 changed anything");
}
