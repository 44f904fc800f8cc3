use super::*;
use wasm_encoder::{
    GlobalSection, GlobalType, MemorySection, MemoryType, RefType, TableType, TypeSection, ValType,
};
use wasmparser::{Parser, Payload};

/// A module like wasm-bindgen's: `engine_messages` calls 2, `engine_nextAsk` calls 2 and 3, 4 is in the table.
fn module(first_calls: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("wbg", "imported", EntityType::Function(0));
    let calls: [&[u32]; 5] = [&[first_calls], &[0], &[0], &[1], &[2, 3]];
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for called in calls {
        functions.function(0);
        let mut body = Function::new([]);
        body.instruction(&Instruction::LocalGet(0));
        for function in called {
            body.instruction(&Instruction::Call(*function));
        }
        code.function(body.instruction(&Instruction::End));
    }
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 2,
        maximum: Some(2),
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let stack = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(stack, &ConstExpr::i32_const(1024));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("engine_messages", ExportKind::Func, 1);
    exports.export("engine_nextAsk", ExportKind::Func, 5);
    let mut elements = ElementSection::new();
    let addressed = Elements::Functions(vec![4].into());
    elements.active(None, &ConstExpr::i32_const(1), addressed);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module.section(&tables).section(&memories).section(&globals);
    module.section(&exports).section(&elements).section(&code);
    module.finish()
}

/// Names of what a module imports and exports, and how many functions it has.
fn shape(bytes: &[u8]) -> (Vec<String>, Vec<String>, usize) {
    let (mut imports, mut exports, mut functions) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("a module") {
            Payload::ImportSection(section) => {
                let all = section.into_imports();
                imports.extend(all.map(|import| import.expect("import").name.to_owned()));
            }
            Payload::ExportSection(section) => {
                let all = section.into_iter();
                exports.extend(all.map(|export| export.expect("export").name.to_owned()));
            }
            Payload::CodeSectionEntry(_) => functions += 1,
            _ => {}
        }
    }
    (imports, exports, functions)
}

#[test]
fn what_only_later_exports_reach_is_in_the_rest() {
    let Parts { first, rest } = split(&module(2)).expect("split");
    // 1 and 2, 4 because of the table with what it calls, and the stub.
    let (imports, exports, functions) = shape(&first);
    assert_eq!((imports, functions), (vec!["imported".to_owned()], 4));
    let names = [
        "memory",
        "engine_messages",
        "engine_nextAsk",
        "f0",
        "f2",
        "t0",
        "g0",
    ];
    assert_eq!(exports, names);
    let (imports, exports, functions) = shape(&rest);
    assert_eq!(imports, ["f0", "f2", "t0", "memory", "g0"]);
    assert_eq!((exports.len(), functions), (0, 2));

    let Parts { rest, .. } = split(&module(3)).expect("split");
    assert_eq!(
        shape(&rest).2,
        2,
        "3 is in the first part, 2 is in the rest"
    );
}

#[test]
fn the_names_are_those_of_the_bindings() {
    for name in [
        "engine_messages",
        "httprelay_get",
        "wipeStack",
        "__wbg_engine_free",
        "memory",
    ] {
        assert!(is_first(name), "{name}");
    }
    for name in ["engine_nextAsk", "engine_send", "engine_restore", "other"] {
        assert!(!is_first(name), "{name}");
    }
    assert!(first_types().contains("\n  | \"messages\""));
    for names in [&FIRST_METHODS[..], &FIRST_FUNCTIONS] {
        assert!(names.is_sorted(), "{names:?}");
    }
}
