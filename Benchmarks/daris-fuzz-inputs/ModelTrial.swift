import DarisONNX
import Foundation

/// Reads bytes as a model file, cuts the model in several ways, and reads the stages again.
enum ModelTrial {
    /// A folder with the model and a file of weights beside it.
    private static let folder: String = {
        let path = NSTemporaryDirectory() + "/daris-fuzz-inputs-\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data((0..<64).map { UInt8($0) }).write(to: URL(filePath: path + "/weights"))
        } catch { fatalError("\(path): \(error)") }
        atexit { try? FileManager.default.removeItem(atPath: ModelTrial.folder) }
        return path
    }()

    static func run(_ bytes: [UInt8]) {
        let path = folder + "/input"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        expect(write(file, bytes, bytes.count) == bytes.count && close(file) == 0, "\(path) can be written")
        if let manifest = try? StageManifest.read(path: path) {
            expect((try? manifest.json) != nil, "a list of stages that was read can be written")
        }
        guard let model = try? ONNXModel.read(path: path) else { return }
        let text = serialized(model)
        expect(serialized(read(text)) == text, "a model that was written reads as itself")
        _ = (model.name, model.inputs, model.outputs, model.nodeCount)
        guard let graph = try? ModelGraph(model.withNodeNames()) else { return }
        let count = graph.nodes.count
        let all = Array(0..<count).dropFirst()
        _ = try? model.withExtraOutputs(graph.carriedTensors(at: Array(all)))

        // Costs and sizes from the file, so that they vary with it.
        let costs = (0..<count).map { Int64(bytes[$0 % bytes.count]) << Int64($0 % 57) }
        var sizes: [String: Int] = [:]
        for (index, name) in graph.carriedTensors(at: Array(all)).enumerated() {
            sizes[name] = Int(bytes[index % bytes.count]) << (index % 57)
        }
        let cutter = StageCutter(graph)
        for stages in [1, 2, 3, count] {
            guard let positions = try? cutter.cutPositions(stages: stages, costs: costs, bytes: sizes, tolerance: 0.1)
            else { continue }
            expect(positions.count == stages - 1, "\(stages) stages have \(stages - 1) cuts")
            check(graph, cutter, positions)
        }
    }

    private static func check(_ graph: ModelGraph, _ cutter: StageCutter, _ positions: [Int]) {
        let types = graph.carriedTensors(at: positions).map {
            ($0, TensorDescription(name: $0, elementType: TensorDescription.float32, dimensions: nil))
        }
        _ = try? cutter.cut(at: positions)
        guard let stages = try? cutter.cut(at: positions, boundaryTypes: Dictionary(uniqueKeysWithValues: types)) else {
            fatalError("a model whose types are known cannot be cut at \(positions)")
        }
        expect(stages.flatMap(\.interface.nodes) == graph.nodes.map(\.name), "each node is in one stage")
        for stage in stages {
            guard let own = try? ModelGraph(read(serialized(stage.model))) else {
                fatalError("stage \(stage.interface.index) of \(stages.count) is no model of its own")
            }
            expect(own.nodes.map(\.name) == stage.interface.nodes, "a stage runs the nodes that it says it runs")
        }
    }

    private static func serialized(_ model: ONNXModel) -> [UInt8] {
        guard let bytes = try? model.serialized() else { fatalError("a model that was read cannot be written") }
        return bytes
    }

    private static func read(_ bytes: [UInt8]) -> ONNXModel {
        guard let model = try? ONNXModel(serialized: bytes) else {
            fatalError("a model that was written cannot be read")
        }
        return model
    }
}
