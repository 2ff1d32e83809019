import Foundation
import Testing

@Suite("Models and stages")
struct ModelTests {
    @Test("the list names the built-in networks")
    func list() throws {
        let result = try Workplace().daris("model", "list")
        #expect(result.exitCode == 0)
        let names = result.output.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(names == ["resnet18", "resnet50", "unet", "inception_v3"])
    }

    @Test("a written network is cut into files that stages.json lists")
    func roundTrip() throws {
        let workplace = try Workplace()
        let written = try workplace.daris("model", "resnet18", "-o", "r.onnx")
        #expect(written.exitCode == 0)
        #expect(written.output.hasSuffix("written to r.onnx\n"))

        let cut = try workplace.daris("split", "r.onnx", "--stages", "3", "-o", "out/stages")
        #expect(cut.exitCode == 0)
        #expect(cut.output.hasSuffix("written to out/stages/\n"))
        let files = try FileManager.default.contentsOfDirectory(atPath: workplace.path("out/stages")).sorted()
        #expect(files == ["stage-0.onnx", "stage-1.onnx", "stage-2.onnx", "stages.json"])

        let manifest = try #require(
            JSONSerialization.jsonObject(with: workplace.read("out/stages/stages.json")) as? [String: Any])
        #expect(manifest["model"] as? String == "r")
        #expect(manifest["stage_count"] as? Int == 3)
        let stages = try #require(manifest["stages"] as? [[String: Any]])
        #expect(stages.map { $0["file"] as? String } == ["stage-0.onnx", "stage-1.onnx", "stage-2.onnx"])
        #expect(stages.allSatisfy { ($0["measured_ms"] as? Double ?? 0) > 0 && ($0["nodes"] as? Int ?? 0) > 0 })
        #expect(stages.map { ($0["bytes_carried"] as? Int ?? 0) > 0 } == [true, true, false])
        // Each stage needs nothing but the model's input and what the stages before it made.
        var known: Set<String> = ["input"]
        for stage in stages {
            #expect(known.isSuperset(of: try #require(stage["inputs"] as? [String])))
            known.formUnion(try #require(stage["outputs"] as? [String]))
        }
        // A written network and the built-in one are the same network.
        let same = try workplace.daris("model", "resnet18", "-o", "again.onnx", "--seed", "1")
        #expect(same.exitCode == 0)
        #expect(try workplace.read("again.onnx") == workplace.read("r.onnx"))
    }

    @Test("a network cut in half precision takes half the bytes, and says how its outputs differ")
    func halfPrecision() throws {
        let workplace = try Workplace()
        for (folder, options) in [("half", ["--precision", "fp16"]), ("float", [])] {
            let cut = try workplace.daris(["split", "resnet18", "--stages", "1", "-o", folder] + options, limit: 300)
            #expect(cut.exitCode == 0)
            #expect(cut.output.contains("note: model 'resnet18' runs in half precision") == !options.isEmpty)
        }
        let (half, float) = try (
            workplace.read("half/stage-0.onnx").count, workplace.read("float/stage-0.onnx").count
        )
        #expect(half * 2 < float + 100_000)
    }

    @Test("split --json prints the stages.json that it wrote")
    func splitJSON() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        let result = try workplace.daris("split", "net.onnx", "--stages", "2", "--json")
        #expect(result.exitCode == 0)
        let file = try String(decoding: workplace.read("net-stages/stages.json"), as: UTF8.self)
        #expect(result.output.trimmingCharacters(in: .newlines) == file.trimmingCharacters(in: .newlines))
        #expect(try result.json()["stage_count"] as? Int == 2)
    }

    @Test("carried bytes are counted with the given values of dimensions")
    func symbolicDimension() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.symbolicWidth, to: "net.onnx")
        let result = try workplace.daris(
            "split", "net.onnx", "--stages", "2", "--dimension", "width=8", "--json")
        #expect(result.exitCode == 0)
        let stages = try #require(try result.json()["stages"] as? [[String: Any]])
        #expect(stages.map { $0["bytes_carried"] as? Int } == [32, 0])
    }

    @Test("profile --json has a time for each stage, alone and under full load")
    func profile() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.heavy, to: "net.onnx")
        let result = try workplace.daris("profile", "net.onnx", "--stages", "2", "--json")
        #expect(result.exitCode == 0)
        let profile = try result.json()
        #expect(profile["model"] as? String == "net")
        #expect(profile["batch"] as? Int == 1)
        let stages = try #require(profile["stages"] as? [[String: Any]])
        #expect(stages.count == 2)
        #expect(stages.allSatisfy { ($0["alone_ms"] as? Double ?? 0) > 0 && ($0["afet_ms"] as? Double ?? 0) > 0 })
        #expect(stages.reduce(0) { $0 + ($1["nodes"] as? Int ?? 0) } == 4)

        let table = try workplace.daris("profile", "net.onnx", "--stages", "2")
        #expect(table.exitCode == 0)
        #expect(table.output.contains("full load, ms"))
    }
}
