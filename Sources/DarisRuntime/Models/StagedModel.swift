import DarisCore
import DarisONNX
import Foundation

/// A model cut into stages, each a file that ONNX Runtime can load.
public struct StagedModel: Sendable, Codable {
    /// A stage.
    public struct Stage: Sendable, Hashable, Codable {
        /// Its ONNX file.
        public var path: String
        /// Names of the tensors it reads.
        public var inputs: [String]
        /// Names of the tensors it makes.
        public var outputs: [String]
        /// Its execution time alone on the device, when it was cut.
        public var measured: Nanoseconds
        /// Bytes alive across the cut after it, at batch 1.
        public var bytesCarried: Int
        /// Nodes it runs.
        public var nodes: Int
    }

    /// What the task set calls it.
    public var name: String
    /// Fingerprint of its content.
    public var hash: String
    /// The stages in order.
    public var stages: [Stage]
    /// Names of the model's inputs, in the order of its graph.
    public var inputs: [String]
    /// Names of the model's outputs, in the order of its graph.
    public var outputs: [String]
    /// Values of symbolic dimensions other than the batch.
    public var dimensions: [String: Int]
    /// What the user should know of the cut.
    public var notes: [String] = []

    init(
        name: String, hash: String, model: ONNXModel, manifest: StageManifest, folder: String, dimensions: [String: Int]
    ) {
        self.name = name
        self.hash = hash
        self.dimensions = dimensions
        inputs = model.inputs.map(\.name)
        outputs = model.outputs.map(\.name)
        stages = manifest.stages.map { entry in
            Stage(
                path: folder + "/" + entry.file, inputs: entry.inputs, outputs: entry.outputs,
                measured: .seconds((entry.measuredMilliseconds ?? 0) / 1000), bytesCarried: entry.bytesCarried,
                nodes: entry.nodes)
        }
    }

    /// The size of the stages' files, which is that of the weights and little more.
    public var fileBytes: Int {
        stages.reduce(0) { sum, stage in
            let attributes = try? FileManager.default.attributesOfItem(atPath: stage.path)
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    /// Copies the stages and `stages.json` into a folder, which is made if need be; files of the same names are replaced.
    public func copy(to folder: String) throws {
        guard let source = stages.first.map({ URL(fileURLWithPath: $0.path).deletingLastPathComponent() }) else {
            return
        }
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in stages.map({ URL(fileURLWithPath: $0.path).lastPathComponent }) + ["stages.json"] {
            let target = folder + "/" + name
            if files.fileExists(atPath: target) { try files.removeItem(atPath: target) }
            try files.copyItem(atPath: source.appendingPathComponent(name).path, toPath: target)
        }
    }
}
