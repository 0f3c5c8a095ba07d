//! Parts of the format that this version cannot keep. They are read like the others, so that their errors show, and
//! then refused: a part that is silently ignored would leave a door open that the file says is shut.

use crate::apply::reader::Fields;

type Read = fn(&mut Fields<'_, '_>);

pub fn refuse(f: &mut Fields<'_, '_>) {
    let parts: [(&'static str, Read); 1] = [("service_tokens", service_token)];
    for (name, read) in parts {
        let context = f.context;
        let items = f.list(name);
        for item in &items {
            if let Some(mut fields) = Fields::of(context, item, &format!("an entry of {name}")) {
                read(&mut fields);
                fields.finish();
            }
        }
        if let Some(first) = items.first() {
            context.problem(first.at, format!("{name} are not supported by this version; remove them"));
        }
    }
}

fn service_token(f: &mut Fields<'_, '_>) {
    f.required_text("name");
    f.secret("token");
    f.texts("scopes");
}
