//go:build ignore

// blocklist_gen writes blocklist.txt. Short passwords cannot be chosen anyway, so it makes the long ones that people make
// of them: the most used passwords repeated and paired, rows of the keyboard and of the alphabet, digits in a row, and
// phrases that everybody knows.
package main

import (
	"log"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/ccojocar/zxcvbn-go/frequency"
)

const minLength = 15

func main() {
	list := map[string]bool{}
	add := func(s string) {
		s = bare(s)
		if len([]rune(s)) >= minLength {
			list[s] = true
		}
	}
	common := frequency.Lists["Passwords"].List

	for _, w := range common[:1500] { // dragondragondragon
		if len(w) >= 3 {
			add(strings.Repeat(w, (minLength+len(w)-1)/len(w)))
		}
	}
	for _, w := range common {
		add(w)
		if len(w) >= 8 {
			add(w + w)
		}
	}
	for _, a := range common[:60] { // passwordqwertyuiop
		for _, b := range common[:60] {
			add(a + b)
		}
	}

	rows := []string{
		"qwertyuiopasdfghjklzxcvbnm", "asdfghjklqwertyuiopzxcvbnm", "zxcvbnmasdfghjklqwertyuiop", "mnbvcxzlkjhgfdsapoiuytrewq",
		"abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba", "01234567890123456789", "12345678901234567890",
		"98765432109876543210", "09876543210987654321", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
		"qazwsxedcrfvtgbyhnujmikolp", "zaq1xsw2cde3vfr4bgt5nhy6mju7", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
		"a1b2c3d4e5f6g7h8i9j0", "1a2b3c4d5e6f7g8h9i0j", "112233445566778899", "123123123123123123", "123456789abcdefghijk",
		"abcdefgh12345678", "qwertyui12345678", "qwerty1234567890", "asdf1234asdf1234", "1234qwer1234qwer", "1234567890qwertyuiop",
	}
	for _, r := range rows {
		for from := 0; from+minLength <= len(r); from++ {
			for to := from + minLength; to <= len(r); to++ {
				add(r[from:to])
			}
		}
	}
	for _, r := range []string{"qwerty", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abc123", "password", "letmein", "admin", "welcome"} {
		for year := 1950; year <= 2035; year++ {
			add(r + r + strings.Repeat(itoa(year), 2))
			add(r + itoa(year) + r + itoa(year))
		}
	}
	for _, p := range strings.Split(strings.TrimSpace(phrases), "\n") {
		add(p)
	}

	words := make([]string, 0, len(list))
	for w := range list {
		words = append(words, w)
	}
	slices.Sort(words)
	if err := os.WriteFile("blocklist.txt", []byte(strings.Join(words, "\n")+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	log.Printf("%d passwords", len(words))
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/1000), byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
}

// bare must be bareWord of blocklist.go; TestRequirements holds them equal.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

const phrases = `
correct horse battery staple
correcthorsebatterystaple1
this is my password
thisisapassword
this is a secret
this is not my password
my password is password
mypasswordispassword
mypassword is secure
my secret password
my super secret password
supersecretpassword
super secret password
supersecurepassword
secure password please
please let me in now
letmeinletmeinletmein
let me in please
open sesame open sesame
password is password
passwordpasswordpassword
password password
password1password1
p@ssw0rdp@ssw0rd
p4ssw0rdp4ssw0rd
passw0rdpassw0rd
i forgot my password
iforgotmypassword
idontknowmypassword
i dont know my password
i hate passwords
i hate this password
ihatepasswords123
i love passwords
nopasswordneeded
no password at all
change me please
changemechangeme
please change me now
change this password
changethispassword
default password
defaultpassword1
administrator123
administratoradministrator
adminadminadmin
admin password 123
adminpassword123
rootrootrootroot
root password 123
testtesttesttest
test password 123
testpassword123
temporary password
temporarypassword
temppassword123
guestguestguest
welcome to the jungle
welcomewelcome123
welcome to hell
i love you so much
i love you forever
iloveyouforever
iloveyou12345678
i love you baby
i love you more than anything
iloveyouiloveyou
iloveyousomuch
i love my family
ilovemyfamily123
i love my mom and dad
i love my wife and kids
i love my husband
i love my children
i love jesus christ
jesus christ is lord
jesusismysavior
jesus is my savior
jesus loves me this i know
god is good all the time
god bless america
godblessamerica
in god we trust
the lord is my shepherd
thelordismyshepherd
our father who art in heaven
john three sixteen
may the force be with you
maytheforcebewithyou
to be or not to be
tobeornottobe
to be or not to be that is the question
the quick brown fox
thequickbrownfox
the quick brown fox jumps over the lazy dog
quickbrownfoxjumps
lorem ipsum dolor sit amet
lorem ipsum dolor
once upon a time
onceuponatime123
once upon a time in the west
all your base are belong to us
winter is coming
winteriscoming1
you know nothing jon snow
valar morghulis
a long time ago in a galaxy far far away
live long and prosper
livelongandprosper
i am your father
luke i am your father
these are not the droids
one ring to rule them all
oneringtorulethemall
you shall not pass
youshallnotpass
my precious my precious
speak friend and enter
hakuna matata what a wonderful phrase
supercalifragilisticexpialidocious
antidisestablishmentarianism
pneumonoultramicroscopicsilicovolcanoconiosis
twinkle twinkle little star
mary had a little lamb
humpty dumpty sat on a wall
itsy bitsy spider
row row row your boat
happy birthday to you
happybirthday123
merry christmas and a happy new year
merrychristmas123
happy new year 2024
happy new year 2025
happy new year 2026
we will rock you
we are the champions
wearethechampions
another one bites the dust
bohemian rhapsody
stairway to heaven
stairwaytoheaven
hotel california
highway to hell
knocking on heavens door
smells like teen spirit
nothing else matters
nothingelsematters
enter sandman metallica
let it be let it be
all you need is love
allyouneedislove
yesterday all my troubles
here comes the sun
comfortably numb
another brick in the wall
dark side of the moon
shine on you crazy diamond
never gonna give you up
nevergonnagiveyouup
dont stop believing
dontstopbelieving
sweet child of mine
sweetchildomine
living on a prayer
eye of the tiger
what does the fox say
call me maybe call me maybe
i will always love you
i will survive
manchester united
manchesterunited1
manchester city
liverpool football club
youllneverwalkalone
you will never walk alone
real madrid barcelona
barcelona barcelona
chelsea football club
arsenal football club
dallas cowboys football
new england patriots
green bay packers
pittsburgh steelers
pittsburghsteelers
san francisco 49ers
los angeles lakers
losangeleslakers
golden state warriors
new york yankees
newyorkyankees1
boston red sox baseball
harry potter hogwarts
harrypotter12345
harry potter and the
gryffindor slytherin
expecto patronum
expectopatronum
spidermanspiderman
batman and robin
batmanbatmanbatman
superman superman
supermansuperman
with great power comes great responsibility
star wars star wars
starwarsstarwars
star trek enterprise
pokemonpokemonpokemon
gotta catch em all
minecraftminecraft
minecraft is awesome
world of warcraft
worldofwarcraft
league of legends
leagueoflegends
counter strike global
grand theft auto
call of duty modern warfare
final fantasy seven
legend of zelda
super mario brothers
sonic the hedgehog
monday tuesday wednesday
mondaytuesdaywednesday
january february march
januaryfebruarymarch
spring summer autumn winter
springsummerautumn
winter spring summer fall
one two three four five
onetwothreefourfive
onetwothreefour
onetwothreefourfivesix
eins zwei drei vier fünf
einszweidreivier
uno dos tres cuatro cinco
un deux trois quatre cinq
ichliebedichsosehr
ich liebe dich für immer
ichliebedichfürimmer
passwortpasswort
mein passwort ist geheim
hallo hallo hallo
halloweltwiegehts
schatzischatzischatzi
teamotea moteamo
te amo mucho mi amor
teamomuchomiamor
te quiero mucho
contraseñacontraseña
mi contraseña es segura
contrasenacontrasena
motdepassemotdepasse
je t'aime pour toujours
jetaimepourtoujours
je taime mon amour
minhasenhasenha
senhasenhasenha
eu te amo meu amor
ti amo amore mio
passwordpassword ciao
парольпарольпароль
йцукенгшщзхъфывапролджэ
йцукенйцукенйцукен
привет привет привет
hello world hello world
helloworld123456
hello my name is
hellohellohello
hello kitty hello kitty
hellokittyhellokitty
good morning vietnam
good morning sunshine
goodmorning12345
have a nice day
haveaniceday123
carpe diem carpe diem
carpediem123456
hasta la vista baby
hastalavistababy
houston we have a problem
life is like a box of chocolates
lifeisbeautiful
life is beautiful
life is good and beautiful
live laugh love
livelaughlove123
livelovelaughlive
dance like nobody is watching
keep calm and carry on
keepcalmandcarryon
trust no one trust no one
trustno1trustno1
the truth is out there
thetruthisoutthere
the cake is a lie
thecakeisalie123
there is no spoon
thereisnospoon1
follow the white rabbit
followthewhiterabbit
the matrix has you
resistance is futile
resistanceisfutile
dont panic dont panic
so long and thanks for all the fish
the answer is forty two
answer is fortytwo
make america great again
makeamericagreatagain
united states of america
unitedstatesofamerica
we the people of the united states
i have a dream
four score and seven years ago
ask not what your country can do for you
yes we can yes we can
computer computer
computercomputer
internetinternet
google google google
googlegooglegoogle
facebookfacebook
facebook password
microsoft windows
microsoftwindows
windows password
amazon prime video
netflix and chill
netflixnetflix1
samsung galaxy phone
iphoneiphoneiphone
applebananaorange
apple banana orange
bananabananabanana
chocolatechocolate
strawberry fields forever
strawberrystrawberry
butterflybutterfly
sunshinesunshine
sunshine and rainbows
rainbowrainbowrainbow
princessprincess
princess and the frog
angelangelangel
babygirlbabygirl
unicornunicornunicorn
monkeymonkeymonkey
dragondragondragon
shadowshadowshadow
master of puppets
mastermastermaster
footballfootball
baseballbaseball
basketballbasketball
soccersoccersoccer
cheesecheesecheese
cookie monster cookie
mickey mouse club
mickeymousemickey
tinkerbelltinkerbell
scoobydoobydoo123
fuckyoufuckyoufuckyou
fuck you very much
go fuck yourself
motherfuckermotherfucker
asdfasdfasdfasdf
qwerqwerqwerqwer
zxcvzxcvzxcvzxcv
abcabcabcabcabc
aaaaaaaaaaaaaaa
aaaaaaaaaaaaaaaa
111111111111111
1111111111111111
000000000000000
0000000000000000
123456123456123456
123454321234543
147258369147258369
159357159357159
789456123789456123
314159265358979
3141592653589793
271828182845904
112358132134558
11235813213455
`
