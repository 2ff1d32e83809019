import Foundation

/// What the system says of this process: the figures that Prometheus' own clients give under `process_`.
struct ProcessFigures {
    var residentBytes: Int
    var virtualBytes: Int
    var cpuSeconds: Double
    var openFiles: Int
    var mostFiles: Int
    /// Since 1970.
    var startSeconds: Double

    /// The figures now; `nil` where the system does not keep them.
    static func now() -> ProcessFigures? {
        guard let fields = Self.fields(of: "/proc/self/stat"), fields.count > 21,
            let boot = Self.text("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
                .flatMap({ Double($0.dropFirst(6)) })
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // Counted from the state, the third field of the file.
        return ProcessFigures(
            residentBytes: (Int(fields[21]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)),
            virtualBytes: Int(fields[20]) ?? 0,
            cpuSeconds: ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / ticks,
            openFiles: FileLimit.openFiles,
            mostFiles: FileLimit.current,
            startSeconds: boot + (Double(fields[19]) ?? 0) / ticks)
    }

    /// The fields behind the command's name, which may have anything in it.
    private static func fields(of path: String) -> [Substring]? {
        guard let text = text(path), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
