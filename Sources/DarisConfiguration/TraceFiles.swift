import DarisCore

/// The traces that a task set names, each read once.
///
/// ```
/// # door camera, Monday
/// 12.5 ms
/// 0.0331       # without a unit: seconds
/// ```
struct TraceFiles {
    private var known: [String: [Nanoseconds]] = [:]
    private var left: Int

    /// - Parameter limit: The most times in all traces together.
    init(limit: Int = Limits.traceTimes) { left = limit }

    /// The times in the file at `path`.
    ///
    /// - Parameter field: What names the file, for errors that concern all of it; others have its own name and line.
    mutating func times(path: String, named field: Field) throws(ConfigurationError) -> [Nanoseconds] {
        if let times = known[path] { return times }
        let bytes: [UInt8]
        do {
            bytes = try SourceFile.bytes(path: path, kind: .trace)
        } catch {
            // Not clipped: of a long path the end says most.
            throw field.error("'\(path.escaped())': \(error.message)")
        }
        let times = try TraceFiles.times(in: bytes, file: path, limit: left)
        left -= times.count
        known[path] = times
        return times
    }

    /// Reads one time a line; what follows a `#` is a comment.
    static func times(in bytes: [UInt8], file: String, limit: Int) throws(ConfigurationError) -> [Nanoseconds] {
        // The path may hold what would break a message's line.
        let file = file.escaped()
        var times: [Nanoseconds] = []
        // Editors on some systems begin a file with a byte order mark.
        let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            func failure(_ message: String) -> ConfigurationError {
                ConfigurationError(file: file, line: index + 1, message: message)
            }
            guard let text = String(validating: trimmed(line), as: UTF8.self) else {
                throw failure("is not UTF-8; save the file as UTF-8")
            }
            if text.isEmpty { continue }
            let time: Nanoseconds
            do { time = try Quantity.parseInstant(text, in: Limits.traceTime) } catch { throw failure(error.message) }
            if let last = times.last, time < last {
                throw failure("\(text.quoted) comes after \(Quantity.format(last)); write the times in their order")
            }
            guard times.count < limit else {
                throw failure("the traces of a task set may have \(Limits.traceTimes) times in all; this is one more")
            }
            times.append(time)
        }
        guard !times.isEmpty else {
            throw ConfigurationError(file: file, message: "there are no times; write one a line, for example '12.5 ms'")
        }
        return times
    }

    /// A line without its comment, blanks around it and carriage return.
    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }
        var line = line.prefix { $0 != UInt8(ascii: "#") }.drop(while: isBlank)
        while let last = line.last, isBlank(last) { line.removeLast() }
        return line
    }
}
