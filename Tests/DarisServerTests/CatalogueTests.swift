import DarisRuntime
import Testing

@testable import DarisServer

@Suite("The catalogue of models")
struct CatalogueTests {
    private let sink = ManualSink()

    private func model(_ name: String, _ version: String = "1", task: Int = 0) -> ServedModel {
        ServedModel(
            name: name, version: version, signature: ModelSignature(inputs: [], outputs: []),
            own: RequestQueue(
                name: name, task: task, instances: 1, priority: .low, deadline: .seconds(Int64(1)), limit: 1, sink: sink
            ),
            other: nil)
    }

    private func error(_ body: () throws(InferenceError) -> ServedModel) -> InferenceError? {
        do throws(InferenceError) { _ = try body() } catch { return error }
        return nil
    }

    @Test("without a version the latest by number is meant, of those that take requests")
    func latest() throws {
        let catalogue = Catalogue([model("a", "9"), model("a", "10"), model("a", "2")])
        #expect(try catalogue.model("a", version: nil).version == "10")
        #expect(try catalogue.model("a", version: "").version == "10")
        #expect(try catalogue.model("a", version: "2").version == "2")
        catalogue.served("a", "10")?.isReady = false
        #expect(try catalogue.model("a", version: nil).version == "9")
        #expect(
            error { () throws(InferenceError) in try catalogue.model("a", version: "3") }?.message
                == "model 'a' has no version '3'; it has versions 2, 9, 10")
        #expect(error { () throws(InferenceError) in try catalogue.model("b", version: nil) }?.kind == .notFound)
    }

    @Test("a model that cannot be served is refused with its reason, and is another thing than one that is not there")
    func unavailable() throws {
        var catalogue = Catalogue([], [UnavailableModel(name: "a", reason: "it is broken")])
        let found = error { () throws(InferenceError) in try catalogue.model("a", version: nil) }
        #expect(found?.kind == .refused(.modelNotReady(model: "a", reason: "it is broken")))
        #expect(catalogue.put(model("a")) == nil && catalogue.unavailable.isEmpty)
        let former = catalogue.put(UnavailableModel(name: "a", reason: "unloaded"))
        #expect(former != nil && catalogue.served.isEmpty)
        #expect(catalogue.remove("a", version: "1") == nil && catalogue.entries.isEmpty)
    }

    @Test("what is put in the place of a version is served from then on, and what was there is handed back")
    func replaced() throws {
        let (old, new) = (model("a"), model("a", task: 1))
        var catalogue = Catalogue([old])
        #expect(catalogue.put(new) === old)
        #expect(try catalogue.model("a", version: "1") === new)
    }

    @Test(
        "names of files may have spaces and letters of any script, but nothing that is not seen",
        arguments: [("a b", true), ("größer", true), ("模型", true), ("", false), ("a\tb", false), ("a\u{200B}b", false)])
    func names(name: String, isGood: Bool) {
        #expect((ModelFolder.problem(withName: name) == nil) == isGood)
    }
}
