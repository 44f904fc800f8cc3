//! Splits a bound module in two, so that a browser downloads first what opens a vault and shows what is in it,
//! and the rest after it.
//!
//! ```text
//! first   what the exports of FIRST can reach, all data, the memory, the tables and the globals; for every other
//!         export a stub that calls an element of the table which is empty until the rest is there
//! rest    all other functions. Imports what it uses from the exports of first, and fills the elements
//! ```
//!
//! Nothing in the first part can reach a function that has not arrived but through the stubs: whatever is called
//! directly, or has its address in the table, is in the first part. The facade calls no stub before the rest is
//! there: [`first_types`] gives TypeScript the names that it may call.

mod source;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, Instruction, Module, SectionId, TableSection,
};
use wasmparser::ExternalKind;

use self::source::Source;

/// Methods of the engine that the first part has: what opening a vault needs, showing what is in it, and locking
/// it again; and what a public function calls without waiting.
const FIRST_METHODS: [&str; 33] = [
    "bodyKeys",
    "contacts",
    "countUnfiled",
    "create",
    "device",
    "draftKeys",
    "emergencies",
    "filesMessages",
    "free",
    "hasRecoveryCode",
    "info",
    "locked",
    "me",
    "messages",
    "openDraft",
    "openDraftFiles",
    "openDraftSession",
    "openInvitations",
    "openPiece",
    "queued",
    "readLight",
    "reload",
    "relocate",
    "requireFiled",
    "setMembers",
    "setReceiptDelay",
    "settings",
    "stopRounds",
    "transfers",
    "unfiled",
    "unlock",
    "unlocked",
    "ways",
];

/// Functions and classes beside the engine that the first part has.
const FIRST_FUNCTIONS: [&str; 7] = [
    "HttpRelay",
    "bundleHeader",
    "checkInvitation",
    "vaultWays",
    "verifyAudit",
    "verifyEvidence",
    "wipeStack",
];

/// Both parts of a module.
pub(crate) struct Parts {
    pub(crate) first: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

/// The TypeScript types of [`FIRST_METHODS`] and [`FIRST_FUNCTIONS`].
pub(crate) fn first_types() -> String {
    let union = |names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .map(|name| format!("\n  | \"{name}\""))
            .collect();
        names.concat()
    };
    let mut types = String::new();
    for (what, name, names) in [
        ("Methods of the engine", "FirstMethod", &FIRST_METHODS[..]),
        (
            "Functions and classes beside the engine",
            "FirstFunction",
            &FIRST_FUNCTIONS,
        ),
    ] {
        let _ = write!(
            types,
            "/** {what} that the first part of the module has. */\nexport type {name} ={};\n",
            union(names)
        );
    }
    types
}

/// Whether an export of wasm-bindgen's is in the first part.
fn is_first(export: &str) -> bool {
    let free = export.starts_with("__");
    let runtime = export == "memory" || export.contains("wasm_bindgen__convert");
    let method = export
        .strip_prefix("engine_")
        .is_some_and(|method| FIRST_METHODS.contains(&method));
    let class = export.split_once('_').is_some_and(|(class, _)| {
        FIRST_FUNCTIONS
            .iter()
            .any(|first| first.to_lowercase() == class)
    });
    free || runtime || method || class || FIRST_FUNCTIONS.contains(&export)
}

/// Splits a module that wasm-bindgen has bound.
pub(crate) fn split(module: &[u8]) -> Result<Parts> {
    let source = Source::read(module)?;
    let functions = |first: bool| {
        let exports = source.exports.iter();
        exports
            .filter(move |export| {
                export.kind == ExternalKind::Func && is_first(export.name) == first
            })
            .map(|export| export.index)
    };
    let roots = functions(true).chain(source.addressed()?);
    let first = source.reach(roots)?;
    let all = u32::try_from(source.functions.len())?;
    let imported = u32::try_from(source.imported)?;
    let rest: Vec<u32> = (imported..all)
        .filter(|function| !first.contains(function))
        .collect();
    // What the stubs call, in the order of the table's new elements.
    let late: BTreeSet<u32> = functions(false)
        .filter(|function| !first.contains(function))
        .collect();
    let late: Vec<u32> = late.into_iter().collect();
    let mut shared = BTreeSet::new();
    for function in &rest {
        let named = source.named_by(*function)?;
        shared.extend(
            named
                .into_iter()
                .filter(|named| rest.binary_search(named).is_err()),
        );
    }
    let layout = Layout {
        source: &source,
        rest,
        late,
        shared: shared.into_iter().collect(),
    };
    Ok(Parts {
        first: layout.first()?,
        rest: layout.rest()?,
    })
}

/// What goes where.
struct Layout<'a> {
    source: &'a Source<'a>,
    rest: Vec<u32>,
    late: Vec<u32>,
    /// Functions of the first part that the rest calls.
    shared: Vec<u32>,
}

/// Functions by their new numbers.
struct Renumbered(Vec<u32>);

impl Reencode for Renumbered {
    type Error = Infallible;

    fn function_index(
        &mut self,
        function: u32,
    ) -> Result<u32, wasm_encoder::reencode::Error<Infallible>> {
        // A number that no function has makes the module invalid, which every test that loads it shows.
        Ok(self.0.get(function as usize).copied().unwrap_or(u32::MAX))
    }
}

const UNUSED: u32 = u32::MAX;

impl Layout<'_> {
    /// The table of functions, and where the elements of the stubs begin.
    fn table(&self) -> Result<(u32, u32)> {
        let mut tables = self.source.tables.iter().enumerate();
        let (at, table) = tables
            .find(|(_, table)| table.ty.element_type == wasmparser::RefType::FUNCREF)
            .context("the module has no table of functions")?;
        Ok((u32::try_from(at)?, u32::try_from(table.ty.initial)?))
    }

    /// The types of the tables, with room for the elements of the stubs.
    fn tables(&self) -> Result<Vec<wasm_encoder::TableType>> {
        let (functions, _) = self.table()?;
        let more = self.late.len() as u64;
        (0..)
            .zip(&self.source.tables)
            .map(|(at, table)| {
                let mut ty = RoundtripReencoder.table_type(table.ty)?;
                if at == functions {
                    ty.minimum += more;
                    ty.maximum = ty.maximum.map(|maximum| maximum + more);
                }
                Ok(ty)
            })
            .collect()
    }

    fn first(&self) -> Result<Vec<u8>> {
        let source = self.source;
        let imported = u32::try_from(source.imported)?;
        let kept: Vec<u32> = (imported..u32::try_from(source.functions.len())?)
            .filter(|function| self.rest.binary_search(function).is_err())
            .collect();
        let mut numbers = vec![UNUSED; source.functions.len()];
        for (number, function) in (0..).zip((0..imported).chain(kept.iter().copied())) {
            if let Some(place) = numbers.get_mut(function as usize) {
                *place = number;
            }
        }
        let stubs = imported + u32::try_from(kept.len())?;
        let mut numbers = Renumbered(numbers);
        let (table, base) = self.table()?;

        let mut types = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &kept {
            types.function(source.type_of(*function)?);
            let body = source
                .bodies
                .get((function - imported) as usize)
                .context("a body")?;
            numbers.parse_function_body(&mut code, body.clone())?;
        }
        for (element, function) in (base..).zip(&self.late) {
            let ty = source.type_of(*function)?;
            types.function(ty);
            let params = source
                .types
                .get(ty as usize)
                .context("a type")?
                .params()
                .len();
            let mut stub = Function::new([]);
            for param in 0..u32::try_from(params)? {
                stub.instruction(&Instruction::LocalGet(param));
            }
            stub.instruction(&Instruction::I32Const(i32::try_from(element)?));
            stub.instruction(&Instruction::CallIndirect {
                type_index: ty,
                table_index: table,
            });
            stub.instruction(&Instruction::End);
            code.function(&stub);
        }

        let mut exports = ExportSection::new();
        for export in &source.exports {
            let kind = RoundtripReencoder.export_kind(export.kind)?;
            let index = match (export.kind, self.late.binary_search(&export.index)) {
                (ExternalKind::Func, Ok(at)) => stubs + u32::try_from(at)?,
                (ExternalKind::Func, Err(_)) => numbers.function_index(export.index)?,
                _ => export.index,
            };
            exports.export(export.name, kind, index);
        }
        for function in &self.shared {
            let name = function_name(*function);
            exports.export(&name, ExportKind::Func, numbers.function_index(*function)?);
        }
        for at in 0..u32::try_from(source.tables.len())? {
            exports.export(&table_name(at), ExportKind::Table, at);
        }
        for at in 0..u32::try_from(source.globals.len())? {
            exports.export(&global_name(at), ExportKind::Global, at);
        }

        let mut tables = TableSection::new();
        for ty in self.tables()? {
            tables.table(ty);
        }
        let mut elements = ElementSection::new();
        for element in &source.elements {
            numbers.parse_element(&mut elements, element.clone())?;
        }

        let mut module = Module::new();
        source.copy(&mut module, SectionId::Type);
        source.copy(&mut module, SectionId::Import);
        module.section(&types).section(&tables);
        source.copy(&mut module, SectionId::Memory);
        source.copy(&mut module, SectionId::Global);
        module.section(&exports).section(&elements);
        source.copy(&mut module, SectionId::DataCount);
        module.section(&code);
        source.copy(&mut module, SectionId::Data);
        Ok(module.finish())
    }

    fn rest(&self) -> Result<Vec<u8>> {
        let source = self.source;
        let mut numbers = vec![UNUSED; source.functions.len()];
        let order = self.shared.iter().chain(&self.rest);
        for (number, function) in (0..).zip(order) {
            if let Some(place) = numbers.get_mut(*function as usize) {
                *place = number;
            }
        }
        let mut numbers = Renumbered(numbers);

        let mut imports = ImportSection::new();
        for function in &self.shared {
            let ty = EntityType::Function(source.type_of(*function)?);
            imports.import(FIRST, &function_name(*function), ty);
        }
        for (at, ty) in (0..).zip(self.tables()?) {
            imports.import(FIRST, &table_name(at), ty);
        }
        for ty in &source.memories {
            imports.import(FIRST, "memory", RoundtripReencoder.memory_type(*ty)?);
        }
        for (at, ty) in (0..).zip(&source.globals) {
            imports.import(
                FIRST,
                &global_name(at),
                RoundtripReencoder.global_type(*ty)?,
            );
        }

        let mut types = FunctionSection::new();
        let mut code = CodeSection::new();
        for function in &self.rest {
            types.function(source.type_of(*function)?);
            let body = source
                .bodies
                .get(*function as usize - source.imported)
                .context("a body")?;
            numbers.parse_function_body(&mut code, body.clone())?;
        }
        let (table, base) = self.table()?;
        let late = self
            .late
            .iter()
            .map(|function| numbers.function_index(*function));
        let late: Vec<u32> = late.collect::<Result<_, _>>()?;
        let mut elements = ElementSection::new();
        let offset = ConstExpr::i32_const(i32::try_from(base)?);
        elements.active(Some(table), &offset, Elements::Functions(late.into()));

        let mut module = Module::new();
        source.copy(&mut module, SectionId::Type);
        module
            .section(&imports)
            .section(&types)
            .section(&elements)
            .section(&code);
        Ok(module.finish())
    }
}

/// The name of the module that the rest imports from, in the facade.
const FIRST: &str = "first";

fn function_name(function: u32) -> String {
    format!("f{function}")
}

fn table_name(table: u32) -> String {
    format!("t{table}")
}

fn global_name(global: u32) -> String {
    format!("g{global}")
}

#[cfg(test)]
mod tests;
