extension RequestParameters {
    /// Reads parameters in JSON.
    ///
    /// - Parameter name: of what they belong to, such as `the request` or `input 'x'`.
    init(
        _ reader: inout JSONReader, of owner: Owner, _ name: @autoclosure () -> String
    ) throws(InferenceError) {
        let name = name()
        var found = Collection(of: owner, name)
        try reader.object("'parameters' of \(name)") { reader, parameter throws(InferenceError) in
            try found.check(parameter)
            try found.take(parameter, try reader.parameter())
        }
        self = try found.end()
    }
}

extension JSONReader {
    /// A parameter's value.
    fileprivate mutating func parameter() throws(InferenceError) -> RequestParameters.Value {
        switch next {
        case UInt8(ascii: "\""): return .text(try string(""))
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try bool(""))
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default:
            let start = position
            try skip()
            var again = self
            again.move(to: start)
            // Neither an array nor an object nor a fraction is a whole number.
            guard let number = try? again.integer(""), again.position == position else { return .other }
            return .integer(number)
        }
    }
}
