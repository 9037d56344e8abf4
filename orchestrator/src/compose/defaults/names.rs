//! The names an entry of a defaults list goes by: the path of its file, the package where its
//! content belongs, and the key by which an override finds it.

use super::item::{Choice, GLOBAL, Item, SELF, Target};
use crate::compose::node::MISSING;

impl Item {
    /// Whether it is `_self_`.
    pub fn is_self(&self) -> bool {
        matches!(&self.target, Target::File(path) if path == SELF)
    }

    /// The choice, if it is a group.
    pub fn choice(&self) -> Option<&Choice> {
        match &self.target {
            Target::Group(_, choice) => Some(choice),
            Target::File(_) => None,
        }
    }

    /// The name of the file without its directory; `None` for a group with nothing chosen.
    pub fn name(&self) -> Option<&str> {
        match &self.target {
            Target::File(path) => Some(path.rsplit('/').next().unwrap_or(path)),
            Target::Group(_, Choice::One(name)) => Some(name),
            Target::Group(..) => None,
        }
    }

    /// Whether the name is `???`.
    pub fn is_missing(&self) -> bool {
        self.name() == Some(MISSING)
    }

    /// The text that interpolations may stand in.
    pub fn interpolated(&self) -> Option<String> {
        let text = match &self.target {
            Target::File(_) => self.config_path(),
            Target::Group(_, Choice::One(name)) => name.clone(),
            Target::Group(..) => return None,
        };
        text.contains("${").then_some(text)
    }

    /// Replaces the text of [`Item::interpolated`] by its value.
    pub fn set_interpolated(&mut self, text: String) {
        match &mut self.target {
            Target::File(path) => *path = text,
            Target::Group(_, choice) => *choice = Choice::One(text),
        }
    }

    /// The path of the file from the root of the configuration.
    pub fn config_path(&self) -> String {
        match &self.target {
            Target::File(path) => self.within_dir(path),
            Target::Group(..) => format!("{}/{}", self.group_path(), self.name().unwrap_or_default()),
        }
    }

    /// The group, or the directory of a file, from the root of the configuration.
    pub fn group_path(&self) -> String {
        let group = self.written_group();
        match (group.is_empty(), self.absolute()) {
            (true, true) => String::new(),
            (true, false) => self.dir.clone(),
            (false, true) => group.trim_start_matches('/').to_owned(),
            (false, false) => self.within_dir(group),
        }
    }

    /// Where the content goes.
    pub fn package(&self) -> String {
        self.final_package(self.package.as_deref().or(self.header.as_deref()))
    }

    /// The name by which an override finds this entry: the group, and `@package` if that differs
    /// from the group's own.
    pub fn override_key(&self) -> String {
        let group = self.group_path();
        let package = self.final_package(self.package.as_deref());
        match package.as_str() {
            package if package == group.replace('/', ".") => group,
            "" => format!("{group}@{GLOBAL}"),
            package => format!("{group}@{package}"),
        }
    }

    fn final_package(&self, own: Option<&str>) -> String {
        let written = self.written_group().trim_start_matches('/').replace('/', ".");
        let own = own.unwrap_or(&written);
        let whole = match (self.parent_package.as_str(), own) {
            ("", own) => own.to_owned(),
            (parent, "") => parent.to_owned(),
            (parent, own) => format!("{parent}.{own}"),
        };
        match whole.rfind(GLOBAL) {
            None => whole,
            Some(at) => whole.get(at + GLOBAL.len() + 1..).unwrap_or_default().to_owned(),
        }
    }

    /// The group as written, or a file's directory as written.
    pub(super) fn written_group(&self) -> &str {
        match &self.target {
            Target::File(path) => path.rsplit_once('/').map_or("", |(dir, _)| dir),
            Target::Group(group, _) => group,
        }
    }

    fn absolute(&self) -> bool {
        match &self.target {
            Target::File(path) => path.starts_with('/'),
            Target::Group(group, _) => group.starts_with('/'),
        }
    }

    fn within_dir(&self, path: &str) -> String {
        match path.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None if self.dir.is_empty() => path.to_owned(),
            None => format!("{}/{path}", self.dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::node::{Node, Value};

    fn item(text: &str) -> Item {
        let node = crate::compose::yaml::load(&"conf/x.yaml".into(), &format!("a: [{text}]")).expect(text);
        let Some(Value::List(items)) = node.at("a").map(|node: &Node| node.value.clone()) else {
            panic!("{text}: no list");
        };
        Item::parse(&items[0], &mut Vec::new()).expect(text)
    }

    #[test]
    fn paths_packages_and_keys_follow_from_the_place() {
        for (text, dir, parent, path, package, key) in [
            ("g: o", "", "", "g/o", "g", "g"),
            ("g: o", "srv", "srv", "srv/g/o", "srv.g", "srv/g"),
            ("/g: o", "srv", "srv", "g/o", "srv.g", "g@srv.g"),
            ("g@backup: o", "srv", "srv", "srv/g/o", "srv.backup", "srv/g@srv.backup"),
            ("/g@_global_.g: o", "srv", "srv", "g/o", "g", "g"),
            ("g@_here_: o", "srv", "srv", "srv/g/o", "srv", "srv/g@srv"),
            ("g@_global_: o", "", "", "g/o", "", "g@_global_"),
            ("g@_group_.x: o", "srv", "srv", "srv/g/o", "srv.g.x", "srv/g@srv.g.x"),
            ("sub/name", "srv", "srv", "srv/sub/name", "srv.sub", "srv/sub"),
            ("/abs/name", "srv", "", "abs/name", "abs", "abs"),
        ] {
            let mut item = item(text);
            item.settle(dir, parent);
            assert_eq!(
                (item.config_path(), item.package(), item.override_key()),
                (path.into(), package.into(), key.into()),
                "{text}"
            );
        }
    }
}
