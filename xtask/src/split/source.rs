//! A module, read as far as splitting it needs.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::{Module, RawSection, SectionId};
use wasmparser::{
    ElementItems, Export, FuncType, FunctionBody, GlobalType, Import, MemoryType, Operator, Parser,
    Payload, Table, TypeRef,
};

/// A module, read.
#[derive(Default)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    sections: Vec<(SectionId, std::ops::Range<usize>)>,
    pub(super) types: Vec<FuncType>,
    /// Types of all functions, imported ones first.
    pub(super) functions: Vec<u32>,
    pub(super) imported: usize,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<GlobalType>,
    pub(super) exports: Vec<Export<'a>>,
    pub(super) elements: Vec<wasmparser::Element<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut source = Self {
            bytes,
            ..Self::default()
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    source.keep(SectionId::Type, section.range());
                    let types = section.into_iter_err_on_gc_types();
                    source.types = types.collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(section) => {
                    source.keep(SectionId::Import, section.range());
                    for import in section.into_imports() {
                        let Import {
                            ty: TypeRef::Func(ty),
                            ..
                        } = import?
                        else {
                            bail!("the module imports more than functions");
                        };
                        source.functions.push(ty);
                        source.imported += 1;
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        source.functions.push(ty?);
                    }
                }
                Payload::TableSection(section) => {
                    source.tables = section.into_iter().collect::<Result<_, _>>()?
                }
                Payload::MemorySection(section) => {
                    source.keep(SectionId::Memory, section.range());
                    source.memories = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    source.keep(SectionId::Global, section.range());
                    for global in section {
                        source.globals.push(global?.ty);
                    }
                }
                Payload::ExportSection(section) => {
                    source.exports = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::StartSection { .. } => bail!("the module has a start function"),
                Payload::ElementSection(section) => {
                    source.elements = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => source.bodies.push(body),
                Payload::DataCountSection { range, .. } => source.keep(SectionId::DataCount, range),
                Payload::DataSection(section) => source.keep(SectionId::Data, section.range()),
                _ => {}
            }
        }
        ensure!(source.memories.len() == 1, "the module has one memory");
        Ok(source)
    }

    fn keep(&mut self, id: SectionId, range: std::ops::Range<usize>) {
        self.sections.push((id, range));
    }

    /// A section as it is.
    pub(super) fn copy(&self, module: &mut Module, wanted: SectionId) {
        for (id, range) in &self.sections {
            if u8::from(*id) == u8::from(wanted) {
                let data = self.bytes.get(range.clone()).unwrap_or_default();
                module.section(&RawSection {
                    id: u8::from(*id),
                    data,
                });
            }
        }
    }

    pub(super) fn type_of(&self, function: u32) -> Result<u32> {
        let ty = self.functions.get(function as usize);
        ty.copied().context("a function without a type")
    }

    /// The functions that a function names, by calls or references. None for an imported one.
    pub(super) fn named_by(&self, function: u32) -> Result<Vec<u32>> {
        let Some(at) = (function as usize).checked_sub(self.imported) else {
            return Ok(Vec::new());
        };
        let body = self.bodies.get(at).context("a function without a body")?;
        let mut named = Vec::new();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::Call { function_index }
                | Operator::ReturnCall { function_index }
                | Operator::RefFunc { function_index } => named.push(function_index),
                _ => {}
            }
        }
        Ok(named)
    }

    /// Functions whose addresses are in a table: anything may call them.
    pub(super) fn addressed(&self) -> Result<Vec<u32>> {
        let mut addressed = Vec::new();
        for element in &self.elements {
            let ElementItems::Functions(functions) = element.items.clone() else {
                bail!("an element is an expression");
            };
            for function in functions {
                addressed.push(function?);
            }
        }
        Ok(addressed)
    }

    pub(super) fn reach(&self, roots: impl IntoIterator<Item = u32>) -> Result<BTreeSet<u32>> {
        let mut reached = BTreeSet::new();
        let mut left: Vec<u32> = roots.into_iter().collect();
        while let Some(function) = left.pop() {
            if reached.insert(function) {
                left.extend(self.named_by(function)?);
            }
        }
        Ok(reached)
    }
}
