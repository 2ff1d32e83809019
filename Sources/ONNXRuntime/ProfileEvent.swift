/// One event of a profile that ONNX Runtime wrote, as far as it is read.
struct ProfileEvent: Decodable {
    /// What the name of an operator's event ends with, after the operator's name.
    static let suffix = "_kernel_time"

    struct Details: Decodable {
        let operatorType: String?
        /// The operator's index in the graph.
        let index: String?

        enum CodingKeys: String, CodingKey {
            case operatorType = "op_name"
            case index = "node_index"
        }
    }

    let category: String?
    let name: String
    /// In microseconds.
    let duration: Int64?
    let details: Details?

    enum CodingKeys: String, CodingKey {
        case category = "cat"
        case name
        case duration = "dur"
        case details = "args"
    }
}
