internal import Foundation

/// Loads weights that a model keeps in external files into the model itself.
///
/// A stage is a file in another folder, so it must contain its weights. A location must stay in the model's folder
/// (symbolic links followed), offset and length must lie within the file, and all weights together must not pass the
/// size limit of a model.
struct ExternalWeights {
    private let modelPath: String
    private let folder: String
    /// The folders that may contain weights: that of the model's path, and that of the file it links to.
    private let allowedFolders: [String]
    private var openFiles: [String: RegularFile] = [:]
    private var byteCount: Int

    /// Weights of the model at `modelPath`, whose own file has `byteCount` bytes.
    init(modelPath: String, byteCount: Int) {
        self.modelPath = modelPath
        self.byteCount = byteCount
        folder = Self.folder(of: modelPath)
        allowedFolders = [Self.resolved(folder), Self.resolved(modelPath).map(Self.folder(of:))].compactMap(\.self)
    }

    /// Loads every external tensor of the graph and of the graphs within it.
    mutating func load(into graph: inout ONNXGraphProto) throws(ONNXError) {
        for index in graph.initializer.indices { try load(into: &graph.initializer[index]) }
        for index in graph.sparseInitializer.indices { try load(into: &graph.sparseInitializer[index]) }
        for node in graph.node.indices where !graph.node[node].attribute.isEmpty {
            for attribute in graph.node[node].attribute.indices {
                try load(into: &graph.node[node].attribute[attribute])
            }
        }
    }

    private mutating func load(into attribute: inout ONNXAttributeProto) throws(ONNXError) {
        if attribute.hasT { try load(into: &attribute.t) }
        if attribute.hasG { try load(into: &attribute.g) }
        if attribute.hasSparseTensor { try load(into: &attribute.sparseTensor) }
        for index in attribute.tensors.indices { try load(into: &attribute.tensors[index]) }
        for index in attribute.graphs.indices { try load(into: &attribute.graphs[index]) }
        for index in attribute.sparseTensors.indices { try load(into: &attribute.sparseTensors[index]) }
    }

    private mutating func load(into tensor: inout ONNXSparseTensorProto) throws(ONNXError) {
        if tensor.hasValues { try load(into: &tensor.values) }
        if tensor.hasIndices { try load(into: &tensor.indices) }
    }

    private mutating func load(into tensor: inout ONNXTensorProto) throws(ONNXError) {
        guard tensor.dataLocation == Self.external else { return }
        let name = tensor.name
        func failure(_ reason: String) -> ONNXError {
            .externalData(path: modelPath, tensor: name, reason: reason)
        }
        var location = ""
        var offset = 0
        var length: Int?
        for entry in tensor.externalData {
            switch entry.key {
            case "location": location = entry.value
            case "offset":
                guard let value = Int(entry.value), value >= 0 else {
                    throw failure("the offset \"\(entry.value)\" is not a number of bytes")
                }
                offset = value
            case "length":
                guard let value = Int(entry.value), value >= 0 else {
                    throw failure("the length \"\(entry.value)\" is not a number of bytes")
                }
                length = value
            default: break
            }
        }
        do {
            let file = try file(at: location)
            guard offset <= file.byteCount else {
                throw RegularFile.Failure("\(location) has \(file.byteCount) bytes, too few for offset \(offset)")
            }
            let expected = tensor.expectedByteCount
            if let length, let expected, length != expected {
                throw RegularFile.Failure("the length is \(length) bytes, but the shape needs \(expected)")
            }
            let count = length ?? expected ?? file.byteCount - offset
            guard count <= file.byteCount - offset else {
                throw RegularFile.Failure(
                    "\(location) has \(file.byteCount) bytes, too few for \(count) from \(offset) on")
            }
            guard count < ONNXModel.byteLimit - byteCount else {
                throw ONNXError.tooLarge(name: modelPath, byteCount: byteCount + count)
            }
            byteCount += count
            tensor.rawData = try file.read(offset: offset, count: count)
        } catch let error as ONNXError {
            throw error
        } catch let error as RegularFile.Failure {
            throw failure(error.reason)
        } catch {
            throw failure("\(error)")
        }
        tensor.externalData = []
        tensor.clearDataLocation()
    }

    /// The open file at a location relative to the model.
    private mutating func file(at location: String) throws(RegularFile.Failure) -> RegularFile {
        if let file = openFiles[location] { return file }
        guard !location.isEmpty, !location.utf8.contains(0) else {
            throw RegularFile.Failure("no file is named")
        }
        let outside = RegularFile.Failure("\(location) lies outside the model's folder, which is not allowed")
        guard !location.hasPrefix("/"), Self.staysInside(location) else { throw outside }
        let path = folder + "/" + location
        guard let resolved = Self.resolved(path) else {
            throw RegularFile.Failure("\(path) is missing or not readable; keep it in the same folder as the model")
        }
        let allowed = allowedFolders.contains { resolved.hasPrefix($0 == "/" ? $0 : $0 + "/") }
        guard allowed else { throw outside }
        let file: RegularFile
        do {
            file = try RegularFile(path: resolved)
        } catch {
            throw RegularFile.Failure("\(path): \(error.reason)")
        }
        openFiles[location] = file
        return file
    }

    /// Whether no prefix of a relative path leaves the folder where it starts.
    private static func staysInside(_ location: String) -> Bool {
        var depth = 0
        for part in location.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return depth > 0
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The value of `data_location` that means "in another file".
    private static let external: Int32 = 1
}

extension ONNXTensorProto {
    /// The bytes that the shape and element type need, or `nil` if unknown.
    var expectedByteCount: Int? {
        let bits: Int
        switch dataType {
        case 2, 3, 9, 17...20, 24: bits = 8
        case 4, 5, 10, 16: bits = 16
        case 1, 6, 12: bits = 32
        case 7, 11, 13, 14: bits = 64
        case 15: bits = 128
        default: return nil
        }
        var count = bits / 8
        for dimension in dims {
            guard let length = Int(exactly: dimension), length >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            if overflow { return nil }
            count = product
        }
        return count
    }
}
