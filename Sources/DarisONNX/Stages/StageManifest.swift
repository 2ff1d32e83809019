internal import Foundation

/// The list of a model's stages in `stages.json`, beside their files.
package struct StageManifest: Hashable, Sendable, Codable {
    /// One stage and its file.
    package struct Entry: Hashable, Sendable, Codable {
        /// The stage's model, relative to the manifest.
        package var file: String
        /// The names of the tensors the stage reads.
        package var inputs: [String]
        /// The names of the tensors the stage makes.
        package var outputs: [String]
        /// The number of nodes that the stage runs, without copies of constant nodes.
        package var nodes: Int
        /// The stage's execution time in milliseconds when it was cut, if it was measured.
        package var measuredMilliseconds: Double?
        /// The bytes that cross the cut after the stage; 0 for the last one.
        package var bytesCarried: Int

        /// The entry of the stage in `file`.
        package init(
            file: String, interface: StageInterface, measuredMilliseconds: Double? = nil, bytesCarried: Int
        ) {
            self.file = file
            inputs = interface.inputs
            outputs = interface.outputs
            nodes = interface.nodes.count
            self.measuredMilliseconds = measuredMilliseconds
            self.bytesCarried = bytesCarried
        }

        private enum CodingKeys: String, CodingKey {
            case file, inputs, outputs, nodes
            case measuredMilliseconds = "measured_ms"
            case bytesCarried = "bytes_carried"
        }
    }

    /// The name of the model that was cut.
    package var model: String
    /// The number of stages.
    package var stageCount: Int
    /// The stages in the order in which they run.
    package var stages: [Entry]

    /// The manifest of a model and its stages.
    package init(model: String, stages: [Entry]) {
        self.model = model
        stageCount = stages.count
        self.stages = stages
    }

    private enum CodingKeys: String, CodingKey {
        case model
        case stageCount = "stage_count"
        case stages
    }

    /// Reads a manifest; fails if it is missing, no manifest, or does not list as many stages as it states.
    package static func read(path: String) throws(ONNXError) -> StageManifest {
        let manifest: StageManifest
        do {
            let file = try RegularFile(path: path)
            let data = try file.read(offset: 0, count: file.byteCount)
            manifest = try JSONDecoder().decode(StageManifest.self, from: data)
        } catch let failure as RegularFile.Failure {
            throw .manifest(path: path, reason: failure.reason)
        } catch DecodingError.keyNotFound(let key, _) {
            throw .manifest(path: path, reason: "\"\(key.stringValue)\" is missing; cut the model again")
        } catch {
            throw .manifest(path: path, reason: "it is not the JSON that staging writes; cut the model again")
        }
        guard manifest.stages.count == manifest.stageCount else {
            throw .manifest(
                path: path, reason: "it says \(manifest.stageCount) stages and lists \(manifest.stages.count)")
        }
        return manifest
    }

    /// Writes the manifest as JSON, keys in alphabetical order, so that the same stages give the same file.
    package func write(path: String) throws(ONNXError) {
        let text = try json
        do {
            try RegularFile.save(Array(text.utf8), path: path)
        } catch {
            throw .unwritable(path: path, reason: error.reason)
        }
    }

    /// The manifest as JSON text.
    package var json: String {
        get throws(ONNXError) {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            do {
                return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
            } catch {
                throw .manifest(path: model, reason: "a time in it is not a number")
            }
        }
    }
}
