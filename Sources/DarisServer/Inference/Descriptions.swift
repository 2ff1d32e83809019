import DarisRuntime
import ONNXRuntime

/// What the protocol says of servers and models, in the form of its JSON.
struct ServerMetadata: Encodable {
    var name = "daris"
    var version: String
    var extensions = [
        "binary_tensor_data", "classification", "model_configuration", "model_repository", "schedule_policy",
        "statistics", "system_shared_memory",
    ]
}

/// What a server says of itself while it answers.
struct Liveness: Encodable {
    var live = true
}

/// What a server says that takes requests.
struct Readiness: Encodable {
    var ready = true
}

/// What a model says that takes requests.
struct ModelReadiness: Encodable {
    var name: String
    var ready = true
}

struct ModelMetadata: Encodable {
    struct Tensor: Encodable {
        var name: String
        var datatype: String
        var shape: [Int]

        init(_ tensor: ModelSignature.Tensor) {
            name = tensor.name
            datatype = tensor.elementType.protocolName
            shape = tensor.shape
        }
    }

    var name: String
    var versions: [String]
    var platform = "onnxruntime_onnx"
    var inputs: [Tensor]
    var outputs: [Tensor]

    init(_ model: ServedModel) {
        name = model.name
        versions = [model.version]
        inputs = model.signature.inputs.map(Tensor.init)
        outputs = model.signature.outputs.map(Tensor.init)
    }
}

/// A model in Triton's form of a configuration, as far as there is the like here.
struct ModelConfiguration: Encodable {
    struct Tensor: Encodable {
        var name: String
        var type: ElementType
        var dims: [Int]

        init(_ tensor: ModelSignature.Tensor) {
            name = tensor.name
            type = tensor.elementType
            dims = tensor.shape
        }

        enum CodingKeys: String, CodingKey {
            case name, dims
            case type = "data_type"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode("TYPE_" + (type == .string ? "STRING" : type.protocolName), forKey: .type)
            try container.encode(dims, forKey: .dims)
        }
    }

    struct InstanceGroup: Encodable {
        var name: String
        var kind = "KIND_AUTO"
        var count: Int
    }

    struct Parameter: Encodable {
        var text: String

        enum CodingKeys: String, CodingKey {
            case text = "string_value"
        }
    }

    var name: String
    var platform = "onnxruntime_onnx"
    var backend = "onnxruntime"
    var maxBatchSize = 0
    var input: [Tensor]
    var output: [Tensor]
    var instanceGroup: [InstanceGroup]
    var parameters: [String: Parameter]

    init(_ model: ServedModel) {
        name = model.name
        input = model.signature.inputs.map(Tensor.init)
        output = model.signature.outputs.map(Tensor.init)
        instanceGroup = [InstanceGroup(name: model.name, count: model.own.instances)]
        parameters = [
            "priority": Parameter(text: model.own.priority.word),
            "deadline_us": Parameter(text: "\(model.own.deadline.rawValue / 1_000)"),
        ]
    }

    enum CodingKeys: String, CodingKey {
        case name, platform, backend, input, output, parameters
        case maxBatchSize = "max_batch_size"
        case instanceGroup = "instance_group"
    }
}

/// A model's line in the index of the repository.
struct RepositoryEntry: Encodable {
    var name: String
    var version: String
    var state: String
    var reason: String

    /// - Parameter obstacle: why it takes no requests; `nil` if it does.
    init(_ model: ServedModel, obstacle: String?) {
        name = model.name
        version = model.version
        state = obstacle == nil ? "READY" : "UNAVAILABLE"
        reason = obstacle ?? ""
    }

    /// One that will be there when it is loaded.
    init(loading name: String, reason: String) {
        (self.name, version, state, self.reason) = (name, "1", "LOADING", reason)
    }

    init(_ model: UnavailableModel) {
        name = model.name
        version = model.version
        state = "UNAVAILABLE"
        reason = model.reason
    }
}

/// Statistics in Triton's form. Times are in nanoseconds.
struct StatisticsReport: Encodable {
    struct Duration: Encodable {
        var count: Int
        var ns: Int64

        init(_ part: ModelStatistics.Part) {
            count = part.count
            ns = part.time.rawValue
        }

        /// - Parameter count: of requests that took no time for it.
        init(count: Int = 0) { (self.count, ns) = (count, 0) }
    }

    struct Inference: Encodable {
        var success: Duration
        var fail: Duration
        var queue: Duration
        /// Inputs are taken as they are: what that takes is part of `computeInfer`. The count is that of the other parts,
        /// without which clients that measure do not believe them.
        var computeInput: Duration
        var computeInfer: Duration
        var computeOutput: Duration
        var cacheHit = Duration()
        var cacheMiss = Duration()

        enum CodingKeys: String, CodingKey {
            case success, fail, queue
            case computeInput = "compute_input"
            case computeInfer = "compute_infer"
            case computeOutput = "compute_output"
            case cacheHit = "cache_hit"
            case cacheMiss = "cache_miss"
        }
    }

    struct Model: Encodable {
        var name: String
        var version: String
        var lastInference: Int64
        var inferenceCount: Int
        var executionCount: Int
        var inferenceStats: Inference
        var batchStats: [Int] = []

        init(_ model: ServedModel) {
            let figures = model.statistics.figures
            name = model.name
            version = model.version
            lastInference = figures.last
            inferenceCount = figures.success.count
            executionCount = figures.success.count
            inferenceStats = Inference(
                success: Duration(figures.success), fail: Duration(figures.fail), queue: Duration(figures.queue),
                computeInput: Duration(count: figures.success.count), computeInfer: Duration(figures.compute),
                computeOutput: Duration(figures.answer))
        }

        enum CodingKeys: String, CodingKey {
            case name, version
            case lastInference = "last_inference"
            case inferenceCount = "inference_count"
            case executionCount = "execution_count"
            case inferenceStats = "inference_stats"
            case batchStats = "batch_stats"
        }
    }

    var models: [Model]

    enum CodingKeys: String, CodingKey {
        case models = "model_stats"
    }
}
