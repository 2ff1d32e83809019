import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime

/// A model cut into stages, each a file that ONNX Runtime can load.
package struct StagedModel: Sendable, Codable {
    /// A stage.
    package struct Stage: Sendable, Hashable, Codable {
        /// Its ONNX file.
        package var path: String
        /// Names of the tensors it reads.
        package var inputs: [String]
        /// Names of the tensors it makes.
        package var outputs: [String]
        /// Its execution time alone on the device, when it was cut.
        package var measured: Nanoseconds
        /// Bytes alive across the cut after it, at batch 1.
        package var bytesCarried: Int
        /// Nodes it runs.
        package var nodes: Int
    }

    /// What the task set calls it.
    package var name: String
    /// Fingerprint of its content.
    package var hash: String
    /// The stages in order.
    package var stages: [Stage]
    /// Names of the model's inputs, in the order of its graph.
    package var inputs: [String]
    /// Names of the model's outputs, in the order of its graph.
    package var outputs: [String]
    /// Values of symbolic dimensions other than the batch.
    package var dimensions: [String: Int]
    /// What the user should know of the cut.
    package var notes: [String] = []

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
    package var fileBytes: Int {
        stages.reduce(0) { sum, stage in
            let attributes = try? FileManager.default.attributesOfItem(atPath: stage.path)
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    /// Copies the stages and `stages.json` into a folder, which is made if need be; files of the same names are replaced.
    package func copy(to folder: String) throws {
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

/// What a model takes and gives, with every shape as it is at a task's batch size.
package struct ModelSignature: Hashable, Sendable {
    /// One input or output.
    package struct Tensor: Hashable, Sendable {
        /// Its name in the model's graph.
        package var name: String
        /// What its elements are.
        package var elementType: ElementType
        /// Its extents; empty for a single element.
        package var shape: [Int]

        /// An input or output.
        package init(name: String, elementType: ElementType, shape: [Int]) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
        }

        /// The number of elements.
        package var count: Int { shape.reduce(1, *) }
        /// The bytes of all elements, or `nil` if they have no fixed size.
        package var byteCount: Int? { elementType.byteSize.map { $0 * count } }
    }

    /// The inputs, in the order of the model's graph.
    package var inputs: [Tensor]
    /// The outputs, in the order of the model's graph.
    package var outputs: [Tensor]

    /// A signature.
    package init(inputs: [Tensor], outputs: [Tensor]) {
        self.inputs = inputs
        self.outputs = outputs
    }

    init(_ model: StagedModel, shapes: TensorShapes) {
        let given = Dictionary(shapes.inputs.map { ($0.name, $0) }) { first, _ in first }
        func tensor(_ found: InputShapes.Input) -> Tensor {
            Tensor(name: found.name, elementType: found.elementType, shape: found.shape)
        }
        inputs = model.inputs.compactMap { given[$0].map(tensor) }
        outputs = model.outputs.compactMap { (shapes.made[$0] ?? given[$0]).map(tensor) }
    }
}
