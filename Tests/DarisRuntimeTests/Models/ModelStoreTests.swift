import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import Testing

@testable import DarisRuntime

@Suite("Cutting and keeping models", .timeLimit(.minutes(15)))
struct ModelStoreTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// Cuts the chain and says whether that took any cutting.
    private func cut(_ store: ModelStore, stages: Int = 3, name: String = "chain") async throws -> (StagedModel, Bool) {
        let steps = Steps()
        let declaration = try workshop.declare(SmallModels.chain, name: name)
        let model = try await onThread { try store.staged(declaration, goal: .count(stages), progress: steps.note) }
        return (model, steps.all.contains { $0.hasPrefix("cutting") })
    }

    /// That a model loads and computes what the chain does.
    private func check(_ model: StagedModel) async throws {
        let workshop = workshop
        let bench = try await onThread { try CPUBench(workshop, [model]) }
        _ = try await bench.run { executor in
            let outputs = try await executor.submit(task: 0, inputs: [bytes([Float]([-1, 0, 4]))])
            #expect(floats(outputs[0]) == [-1, -1, 7])
        }
    }

    @Test("a model is cut into as many stages as asked, and what they read and make fits together", arguments: 1...4)
    func stageCount(stages: Int) async throws {
        let (model, _) = try await cut(workshop.store(), stages: stages)
        #expect(model.stages.count == stages)
        #expect(model.stages.map(\.nodes).reduce(0, +) == 4)
        #expect(model.stages.first?.inputs == ["x"] && model.stages.last?.outputs == ["y"])
        for (stage, next) in zip(model.stages, model.stages.dropFirst()) {
            #expect(stage.outputs == next.inputs)
            #expect(stage.bytesCarried == 12)
        }
        #expect(model.stages.last?.bytesCarried == 0)
        try await check(model)
    }

    @Test("the second time nothing is cut, and the stages are the same")
    func cached() async throws {
        let (first, wasCut) = try await cut(workshop.store())
        let (second, wasCutAgain) = try await cut(workshop.store())
        #expect(wasCut && !wasCutAgain)
        #expect(first.stages == second.stages)
        let (_, wasCutFresh) = try await cut(workshop.store(isFresh: true))
        #expect(wasCutFresh)
        let (_, wasCutForOther) = try await cut(workshop.store(threads: 2))
        #expect(wasCutForOther)
    }

    @Test("two models of the same content share one cut, even a fresh one")
    func sameContent() async throws {
        let store = workshop.store(isFresh: true)
        let (first, _) = try await cut(store, name: "one")
        let (second, wasCut) = try await cut(store, name: "two")
        #expect(!wasCut && first.stages == second.stages)
        #expect(second.name == "two")
    }

    @Test("a damaged manifest or stage is cut anew", arguments: ["stages.json", "stage-1.onnx", "checksums.json"])
    func damaged(file: String) async throws {
        let (first, _) = try await cut(workshop.store())
        let path = URL(fileURLWithPath: first.stages[0].path).deletingLastPathComponent().path + "/" + file
        try "damaged".write(toFile: path, atomically: false, encoding: .utf8)
        let (second, wasCut) = try await cut(workshop.store())
        #expect(wasCut)
        try await check(second)
        let (_, wasCutAgain) = try await cut(workshop.store())
        #expect(!wasCutAgain)
    }

    @Test("several who cut one model at once all get stages that fit together")
    func atOnce() async throws {
        let declaration = try workshop.declare(SmallModels.chain)
        let workshop = workshop
        let models = try await withThrowingTaskGroup(of: StagedModel.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await onThread { try workshop.store().staged(declaration, goal: .count(3)) { _ in } }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(models.map(\.stages)).count == 1)
        for model in models { try await check(model) }
        let left = try FileManager.default.contentsOfDirectory(atPath: workshop.cachePath + "/stages")
        #expect(left.count == 1)
    }

    @Test("a cache that cannot be written is an error that says what to do")
    func unwritable() async throws {
        try "in the way".write(toFile: workshop.cachePath, atomically: false, encoding: .utf8)
        let store = workshop.store()
        let error = await #expect(throws: PreparationError.self) { try await cut(store) }
        #expect(error?.description.contains("XDG_CACHE_HOME") == true)
    }

    @Test("a damaged built network is built anew")
    func damagedNetwork() async throws {
        let steps = Steps()
        let store = workshop.store()
        let declaration = ModelDeclaration(name: "net", source: .builtin("unet"))
        let first = try await onThread { try store.source(declaration, progress: steps.note) }
        _ = try await onThread { try store.source(declaration, progress: steps.note) }
        #expect(steps.all == ["building U-Net"])
        let folder = try #require(FileManager.default.contentsOfDirectory(atPath: workshop.cachePath + "/models").first)
        let path = workshop.cachePath + "/models/" + folder + "/model.onnx"
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: 1_000_000)
        try handle.write(contentsOf: Data([1, 2, 3, 4]))
        try handle.close()
        let again = try await onThread { try store.source(declaration, progress: steps.note) }
        #expect(steps.all == ["building U-Net", "building U-Net"])
        #expect(try again.model.serialized() == first.model.serialized())
    }

    @Test("as few stages are made as keep each within a time, and a note says if none do")
    func longestStage() async throws {
        let store = workshop.store()
        let declaration = try workshop.declare(SmallModels.chain)
        let one = try await onThread {
            try store.staged(declaration, goal: .longestStage(.seconds(Int64(60)))) { _ in }
        }
        #expect(one.stages.count == 1 && one.notes.isEmpty)
        let many = try await onThread { try store.staged(declaration, goal: .longestStage(Nanoseconds(1))) { _ in } }
        #expect((1...4).contains(many.stages.count))
        try await check(many)
    }

    @Test("stages copied elsewhere replace those of the same name and lie beside their manifest")
    func copies() async throws {
        let (model, _) = try await cut(workshop.store())
        let target = workshop.folder.path + "/copy/of"
        try model.copy(to: target)
        try model.copy(to: target)
        let files = try FileManager.default.contentsOfDirectory(atPath: target).sorted()
        #expect(files == ["stage-0.onnx", "stage-1.onnx", "stage-2.onnx", "stages.json"])
        #expect(try StageManifest.read(path: target + "/stages.json").stages.count == 3)
    }

    @Test("an unknown network and a missing file are refused by name")
    func missing() async throws {
        let store = workshop.store()
        let builtin = ModelDeclaration(name: "net", source: .builtin("alexnet"))
        let unknown = #expect(throws: PreparationError.self) { try store.source(builtin) { _ in } }
        #expect(unknown?.description.contains("there are resnet18, resnet50, unet, inception_v3") == true)
        let file = ModelDeclaration(name: "net", source: .file("/nowhere/net.onnx"))
        let missing = #expect(throws: PreparationError.self) { try store.source(file) { _ in } }
        #expect(missing?.description.contains("/nowhere/net.onnx") == true)
    }
}
