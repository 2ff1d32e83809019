import Foundation

/// Words that inputs hold, from a file as libFuzzer and AFL++ read them: one a line in quotation marks, `\xNN` a byte.
enum FuzzDictionary {
    static func words(path: String) throws -> [[UInt8]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { line in
            guard let start = line.firstIndex(of: "\""), let end = line.lastIndex(of: "\""), start < end,
                !line.hasPrefix("#")
            else { return nil }
            return word(line[line.index(after: start)..<end])
        }
    }

    private static func word(_ text: Substring) -> [UInt8] {
        var rest = Array(text.utf8)[...]
        var word: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
                word.append(byte)
                continue
            }
            if next == UInt8(ascii: "x"), let number = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                word.append(number)
                rest = rest.dropFirst(2)
            } else {
                word.append(next)
            }
        }
        return word
    }
}
